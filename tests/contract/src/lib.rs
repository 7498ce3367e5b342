//! Rules about the repository, as tests.
