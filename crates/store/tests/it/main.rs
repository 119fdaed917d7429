//! The store against a real PostgreSQL.

mod access;
mod agency;
mod beginnings;
mod bulk;
mod calls;
mod calls_named;
mod clients;
mod embedded;
mod incidents;
mod jobs;
mod knowledge;
mod leads;
mod people;
mod schema;
mod sealed;
mod tenancy;
mod walls;
mod webhooks;
