//! Makes Cargo notice new migrations, which the `migrate!` macro reads at compile time.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
    println!("cargo:rerun-if-changed=.sqlx");
}
