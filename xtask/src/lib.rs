//! Headless plugin hosts and developer commands of Busker.
