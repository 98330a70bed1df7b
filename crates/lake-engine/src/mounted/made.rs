//! What queries have made in the session: as a rule the next one needs the same.

use std::collections::BTreeMap;

use duckdb::Connection;

use crate::setting::Setting;
use crate::views::View;

#[derive(Default)]
pub(super) struct Made {
    /// By the number of the sheet.
    views: BTreeMap<u32, String>,
    variables: BTreeMap<String, Setting>,
}

impl Made {
    /// Makes a sheet's view as far as it is not made.
    pub(super) fn make(
        &mut self,
        sheet: u32,
        view: View,
        connection: &Connection,
    ) -> duckdb::Result<()> {
        for setting in view.setup {
            if self.variables.get(&setting.variable) != Some(&setting) {
                self.variables.remove(&setting.variable);
                setting.set(connection)?;
                self.variables.insert(setting.variable.clone(), setting);
            }
        }
        // Most often only the files are others, and they stand in a variable.
        if self.views.get(&sheet) != Some(&view.create) {
            self.views.remove(&sheet);
            connection.execute_batch(&view.create)?;
            self.views.insert(sheet, view.create);
        }
        Ok(())
    }

    /// The views are others now.
    pub(super) fn forget_views(&mut self) {
        self.views.clear();
    }
}
