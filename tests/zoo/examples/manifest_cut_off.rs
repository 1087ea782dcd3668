//! Has a manifest that ends before its end.

zoo::section!(zoo::FORMAT, zoo::BUILD, "id\u{1f}manifest-cut-off\u{1e}");
