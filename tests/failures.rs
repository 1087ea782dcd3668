//! Every fault that an operator meets, with real libraries: what they read is one clear message,
//! and whatever has nothing to do with the fault goes on running.

mod support;

mod failures {
    mod contributions;
    mod explain;
    mod files;
    mod life_cycle;
    mod policy;
    mod requirements;
    mod settings;
    mod versions;
    mod while_running;
}
