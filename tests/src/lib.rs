//! Contract tests of the whole workspace.
