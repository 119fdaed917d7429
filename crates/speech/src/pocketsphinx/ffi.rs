//! The C interface of PocketSphinx (Debian's `libpocketsphinx3`, 0.8+5prealpha), loaded at run time.
//!
//! The only unsafe code of the workspace. Everything above it sees a safe [`Decoder`]: one value owns one
//! C decoder, stays on the thread that made it (raw pointers are not `Send`) and frees it when dropped.

#![expect(unsafe_code, reason = "a C library is called; every call is in this file, behind a safe type")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr::{NonNull, null_mut};
use std::sync::Arc;

/// The library's file name; the loader's usual folders are searched.
pub(super) const LIBRARY: &str = "libpocketsphinx.so.3";

/// Why the library or one of its calls did not work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum FfiError {
    /// The library is absent or lacks a function.
    #[error("{LIBRARY} can't be loaded: {0}")]
    NotLoaded(String),
    /// The library refused the settings or the model.
    #[error("the decoder could not be made: {0}")]
    NotMade(&'static str),
    /// A call failed; the decoder is not to be used further.
    #[error("the decoder failed in {0}")]
    Failed(&'static str),
}

type Opaque = c_void;

/// The functions used, copied out of the loaded library.
pub(super) struct Library {
    ps_args: unsafe extern "C" fn() -> *const Opaque,
    cmd_ln_parse_r:
        unsafe extern "C" fn(*mut Opaque, *const Opaque, i32, *mut *mut c_char, i32) -> *mut Opaque,
    cmd_ln_free_r: unsafe extern "C" fn(*mut Opaque) -> c_int,
    ps_init: unsafe extern "C" fn(*mut Opaque) -> *mut Opaque,
    ps_free: unsafe extern "C" fn(*mut Opaque) -> c_int,
    ps_start_utt: unsafe extern "C" fn(*mut Opaque) -> c_int,
    ps_process_raw: unsafe extern "C" fn(*mut Opaque, *const i16, usize, c_int, c_int) -> c_int,
    ps_end_utt: unsafe extern "C" fn(*mut Opaque) -> c_int,
    ps_get_hyp: unsafe extern "C" fn(*mut Opaque, *mut i32) -> *const c_char,
    ps_seg_iter: unsafe extern "C" fn(*mut Opaque) -> *mut Opaque,
    ps_seg_next: unsafe extern "C" fn(*mut Opaque) -> *mut Opaque,
    ps_seg_word: unsafe extern "C" fn(*mut Opaque) -> *const c_char,
    ps_seg_frames: unsafe extern "C" fn(*mut Opaque, *mut c_int, *mut c_int),
    ps_seg_prob: unsafe extern "C" fn(*mut Opaque, *mut i32, *mut i32, *mut i32) -> i32,
    /// Keeps the functions above valid; dropped last, as the last field.
    _library: libloading::Library,
}

impl Library {
    /// Loads the library.
    pub(super) fn load() -> Result<Self, FfiError> {
        let not_loaded = |error: libloading::Error| FfiError::NotLoaded(error.to_string());
        // SAFETY: loading runs the library's initialisers; PocketSphinx and the libraries it brings (sphinxbase, BLAS)
        // have none with preconditions.
        let library = unsafe { libloading::Library::new(LIBRARY) }.map_err(not_loaded)?;
        macro_rules! function {
            ($name:literal) => {
                // SAFETY: the field's type is the function's prototype in pocketsphinx.h / cmd_ln.h of
                // 0.8+5prealpha; the pointer lives as long as `_library`.
                *unsafe { library.get(concat!($name, "\0").as_bytes()) }.map_err(not_loaded)?
            };
        }
        let err_set_logfp: unsafe extern "C" fn(*mut c_void) = function!("err_set_logfp");
        // Once, before there is any decoder: the log's file is one for the whole process, and its `-logfn` setting
        // closes and opens it again in each `ps_init`. Two decoders made at a time then close the same file twice,
        // which crashed or locked the C library.
        // SAFETY: the prototype is the one in err.h; null turns the library's log off.
        unsafe { err_set_logfp(null_mut()) };
        Ok(Self {
            ps_args: function!("ps_args"),
            cmd_ln_parse_r: function!("cmd_ln_parse_r"),
            cmd_ln_free_r: function!("cmd_ln_free_r"),
            ps_init: function!("ps_init"),
            ps_free: function!("ps_free"),
            ps_start_utt: function!("ps_start_utt"),
            ps_process_raw: function!("ps_process_raw"),
            ps_end_utt: function!("ps_end_utt"),
            ps_get_hyp: function!("ps_get_hyp"),
            ps_seg_iter: function!("ps_seg_iter"),
            ps_seg_next: function!("ps_seg_next"),
            ps_seg_word: function!("ps_seg_word"),
            ps_seg_frames: function!("ps_seg_frames"),
            ps_seg_prob: function!("ps_seg_prob"),
            _library: library,
        })
    }
}

/// One word of a finished utterance's best path, fillers and silence included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    /// The dictionary's spelling, perhaps with a variant number: `a(2)`, `<sil>`, `[NOISE]`.
    pub(super) word: String,
    /// 10 ms frames it lasts.
    pub(super) frames: u32,
    /// Acoustic score, negative, relative to each frame's best sound; log base 1.0001.
    pub(super) acoustic: i32,
    /// Log posterior, base 1.0001.
    pub(super) posterior: i32,
}

/// One decoder.
pub(super) struct Decoder {
    library: Arc<Library>,
    decoder: NonNull<Opaque>,
    config: NonNull<Opaque>,
    in_utterance: bool,
}

impl Decoder {
    /// Makes a decoder from name-value pairs such as `("-lm", "/path")`.
    pub(super) fn new(library: Arc<Library>, settings: &[(String, String)]) -> Result<Self, FfiError> {
        let mut owned = Vec::with_capacity(settings.len() * 2);
        for (name, value) in settings {
            owned.push(CString::new(name.as_str()).map_err(|_| FfiError::NotMade("zero byte in a setting"))?);
            owned
                .push(CString::new(value.as_str()).map_err(|_| FfiError::NotMade("zero byte in a setting"))?);
        }
        let mut arguments: Vec<*mut c_char> = owned.iter().map(|text| text.as_ptr().cast_mut()).collect();
        let count = i32::try_from(arguments.len()).map_err(|_| FfiError::NotMade("too many settings"))?;
        // SAFETY: the array holds `count` valid C strings (an even number: no program name) and outlives the
        // call; the library copies values and never writes to them. Null as first argument asks for a new value.
        let config = unsafe {
            (library.cmd_ln_parse_r)(null_mut(), (library.ps_args)(), count, arguments.as_mut_ptr(), 1)
        };
        let config = NonNull::new(config).ok_or(FfiError::NotMade("settings refused"))?;
        // SAFETY: `config` is a valid configuration; ps_init keeps its own reference to it.
        let decoder = unsafe { (library.ps_init)(config.as_ptr()) };
        let Some(decoder) = NonNull::new(decoder) else {
            // SAFETY: the one reference that is ours.
            unsafe { (library.cmd_ln_free_r)(config.as_ptr()) };
            return Err(FfiError::NotMade("model refused"));
        };
        Ok(Self { library, decoder, config, in_utterance: false })
    }

    /// Begins an utterance; one that still runs is dropped.
    pub(super) fn start(&mut self) -> Result<(), FfiError> {
        self.end()?;
        // SAFETY: the decoder is valid and no utterance runs.
        if unsafe { (self.library.ps_start_utt)(self.decoder.as_ptr()) } < 0 {
            return Err(FfiError::Failed("ps_start_utt"));
        }
        self.in_utterance = true;
        Ok(())
    }

    /// Feeds 16 kHz samples; outside of an utterance they are ignored.
    pub(super) fn feed(&mut self, samples_16k: &[i16]) -> Result<(), FfiError> {
        if !self.in_utterance || samples_16k.is_empty() {
            return Ok(());
        }
        // SAFETY: pointer and length are of one slice, which is only read.
        let frames = unsafe {
            (self.library.ps_process_raw)(
                self.decoder.as_ptr(),
                samples_16k.as_ptr(),
                samples_16k.len(),
                0,
                0,
            )
        };
        if frames < 0 { Err(FfiError::Failed("ps_process_raw")) } else { Ok(()) }
    }

    /// Ends the utterance, if one runs: the later passes are done here.
    pub(super) fn end(&mut self) -> Result<(), FfiError> {
        if !std::mem::take(&mut self.in_utterance) {
            return Ok(());
        }
        // SAFETY: an utterance runs.
        if unsafe { (self.library.ps_end_utt)(self.decoder.as_ptr()) } < 0 {
            return Err(FfiError::Failed("ps_end_utt"));
        }
        Ok(())
    }

    /// The words so far or, after the end, of the whole utterance. Empty when nothing was understood.
    pub(super) fn words(&mut self) -> String {
        // SAFETY: the score is not asked for; the text belongs to the decoder and is copied before the next call.
        let text = unsafe { (self.library.ps_get_hyp)(self.decoder.as_ptr(), null_mut()) };
        self.copy(text)
    }

    /// The finished utterance word by word.
    pub(super) fn segments(&mut self) -> Vec<Segment> {
        let mut segments = Vec::new();
        // SAFETY: a null iterator means no result. Each step gives the iterator back or frees it and gives null,
        // so walking to the end leaks nothing.
        unsafe {
            let mut iterator = (self.library.ps_seg_iter)(self.decoder.as_ptr());
            while !iterator.is_null() {
                let (mut first, mut last) = (0, 0);
                (self.library.ps_seg_frames)(iterator, &raw mut first, &raw mut last);
                let (mut acoustic, mut language, mut order) = (0, 0, 0);
                let posterior = (self.library.ps_seg_prob)(
                    iterator,
                    &raw mut acoustic,
                    &raw mut language,
                    &raw mut order,
                );
                let word = self.copy((self.library.ps_seg_word)(iterator));
                let frames = u32::try_from(last - first + 1).unwrap_or(0);
                segments.push(Segment { word, frames, acoustic, posterior });
                iterator = (self.library.ps_seg_next)(iterator);
            }
        }
        segments
    }

    /// Copies a text of the library; null is empty.
    fn copy(&self, text: *const c_char) -> String {
        if text.is_null() {
            return String::new();
        }
        // SAFETY: not null, ended by zero, and valid until the decoder is used again, which the borrow of `self`
        // rules out.
        unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: both were made in `new` and are released once; the configuration is counted by reference.
        unsafe {
            (self.library.ps_free)(self.decoder.as_ptr());
            (self.library.cmd_ln_free_r)(self.config.as_ptr());
        }
    }
}
