//! S01 to S06, G18, G36 and G38: what we sign, changed in every way, at the servers that verify it.

mod cases;
mod edge;
mod expiry;
mod flips;
mod matrix;
mod signed;
