//! Home bindings and delegations over HTTP.

use crate::route::Api;

pub fn routes(_api: &mut Api) {}
