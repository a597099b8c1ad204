//! Exit codes: 0 complete and clean, 1 findings, 2 could not do the work or not all of it.

use std::process::ExitCode;

/// How a run ended. The greater one wins when several things happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Everything was scanned and nothing was found.
    Clean,
    /// Something was found.
    Findings,
    /// Something could not be done. A report may have been written all the same.
    Failure,
}

impl Exit {
    /// The exit code of a scan.
    pub fn of_scan(findings: usize, complete: bool) -> Self {
        match (complete, findings) {
            (false, _) => Self::Failure,
            (true, 0) => Self::Clean,
            (true, _) => Self::Findings,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn incomplete_wins_over_findings() {
        assert_eq!(Exit::of_scan(0, true) as u8, 0);
        assert_eq!(Exit::of_scan(3, true) as u8, 1);
        assert_eq!(Exit::of_scan(3, false) as u8, 2);
        assert_eq!(Exit::of_scan(0, false) as u8, 2);
    }
}
