//! The only door to the disk, the locks and the clock.
