//! keyscan
pub mod blob;
pub mod checksum;
pub mod cli;
pub mod detect;
pub mod error;
pub mod finding;
pub mod hook;
pub mod policy;
pub mod provenance;
pub mod range;
pub mod report;
pub mod rules;
pub mod scan;
pub mod source;
pub mod structure;
