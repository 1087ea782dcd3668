//! Instances that are exchanged while they serve, with builds of a real library.

mod support;

mod swap {
    mod before_the_switch;
    mod exclusive;
    mod following;
    mod house;
    mod probation;
    mod settings;
}
