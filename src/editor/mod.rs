//! placeholder
use crate::params::BuskerParams;
use crate::plugin::Instance;
use std::sync::Arc;
pub(crate) type Editor = ();
pub(crate) fn create(_: Arc<Instance>, _: Arc<BuskerParams>) -> Option<Editor> {
    None
}
