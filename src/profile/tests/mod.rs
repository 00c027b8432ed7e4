//! The operators of identifiers and people together, against a second evaluation that keeps nothing: it looks
//! at all rows of a person at each tick.

mod naive;
mod world;

use proptest::prelude::*;
use world::{Step, World};

use crate::time::SECOND;

/// Goes through ticks, each so many times `TIME` after the one before, and one long after all; all is right after each.
fn pass(world: &mut World, ticks: &[(i64, Vec<Step>)]) {
    let mut now = -3 * world::TIME;
    for (passed, steps) in ticks {
        now += passed * world::TIME;
        world.tick(now, steps);
        world.check();
    }
    world.tick(60 * SECOND, &[]);
    world.check();
}

/// Few times and values, so that they meet.
fn step() -> impl Strategy<Value = Step> {
    let identifiers = 0..world::IDENTIFIERS;
    let component = prop::option::weighted(0.9, 0..world::COMPONENTS);
    prop_oneof![
        6 => (identifiers.clone(), 0..2usize, 0..20i64, 0..6i64)
            .prop_map(|(of, source, time, value)| Step::Add { of, source, time, value }),
        3 => (identifiers.clone(), 0..8usize).prop_map(|(of, row)| Step::TakeBack { of, row }),
        2 => (identifiers.clone(), component.clone()).prop_map(|(of, to)| Step::Move { of, to }),
        1 => (identifiers.clone(), 0..world::IDENTIFIERS, component)
            .prop_map(|(from, until, to)| Step::MoveAll { from, until, to }),
        1 => (identifiers, 0..20i64).prop_map(|(of, time)| Step::SeenAt { of, time }),
    ]
}

proptest! {
    #![proptest_config(crate::property::cases(200))]

    #[test]
    fn people_are_what_their_rows_say_however_many_identifiers_they_have(
        ticks in prop::collection::vec(prop::collection::vec(step(), 1..8), 1..20)
    ) {
        let mut world = World::new(
            "attributes:
               rows:     {from: [web, crm], select: count(*)}
               total:    {from: web, select: sum(value)}
               current:  {from: crm, select: sum(value)}
               exact:    {from: crm, select: sum(number)}
               average:  {from: crm, select: avg(amount)}
               spread:   {from: crm, select: stddev(number)}
               all_odd:  {from: crm, select: bool_and(odd)}
               any_odd:  {from: crm, select: bool_or(odd)}
               least:    {from: crm, select: min(letter)}
               greatest: {from: web, select: max(letter)}
               earliest: {from: crm, select: first(letter)}
               newest:   {from: [web, crm], select: last(letter)}
               letters:  {from: [web, crm], select: count(distinct letter)}
               middle:   {from: crm, select: median(value)}
               centre:   {from: [web, crm], select: median(amount)}
               usual:    {from: crm, select: mode(letter)}
               often:    {from: [web, crm], select: 'top(letter, 3)'}
               lately:   {from: web, select: 'recent(letter, 4)'}
               standing: {from: [web, crm], select: 'recent(value, 3)'}
               each:     {from: [web, crm], select: sum(distinct value)}
               exactly:  {from: crm, select: sum(distinct number)}
               any:      {from: web, select: any_value(letter)}
               seen:     {from: crm, select: array_agg(distinct letter)}",
        );
        for steps in ticks {
            world.tick(0, &steps);
            world.check();
        }
        world.retract_everything();
    }

    #[test]
    fn rows_enter_and_leave_windows_by_time_alone(
        ticks in prop::collection::vec((0..5i64, prop::collection::vec(step(), 0..6)), 1..20)
    ) {
        let mut world = World::new(
            "attributes:
               sliding:  {from: [web, crm], select: sum(value), within: 3 seconds}
               newest:   {from: web, select: last(letter), within: 3 seconds}
               calendar: {from: [web, crm], select: count(*), since: \"date_trunc('second', now())\"}
               before:   {from: crm, select: 'recent(letter, 2)',
                          since: \"date_trunc('minute', now()) + interval '2 seconds'\"}
               ago:      {from: [web, crm], select: count(*), between: [2 seconds, 5 seconds]}
               often:    {from: web, select: mode(letter), between: [1 second, 2 seconds]}",
        );
        pass(&mut world, &ticks);
        world.tick(61 * SECOND, &[]);
        world.check();
        world.retract_everything();
    }

    #[test]
    fn extremes_of_what_is_taken_back_are_those_of_what_is_left(
        ticks in prop::collection::vec((0..3i64, prop::collection::vec(step(), 0..8)), 1..20)
    ) {
        let mut world = World::new(
            "attributes:
               least:    {from: crm, select: min(value)}
               greatest: {from: crm, select: max(value)}
               number:   {from: crm, select: max(number)}
               numbers:  {from: crm, select: min(number)}
               of_both:  {from: [web, crm], select: min(value)}
               at_most:  {from: [web, crm], select: max(value)}
               earliest: {from: crm, select: first(value)}
               newest:   {from: crm, select: last(value)}
               amount:   {from: crm, select: last(amount)}
               at:       {from: crm, select: max(at)}
               lately:   {from: web, select: max(value), within: 3 seconds}
               a_while:  {from: web, select: min(value), within: 3 seconds}",
        );
        pass(&mut world, &ticks);
        // Each line's first has the values of both; what a window gives is kept for each.
        let sharing: Vec<usize> = world.sharing().collect();
        prop_assert_eq!(sharing, [2, 0, 2, 0, 2, 0, 2, 0, 1, 1, 1, 1]);
        world.retract_everything();
    }

    #[test]
    fn sessions_and_funnels_are_those_of_the_rows_that_stand(
        ticks in prop::collection::vec((0..3i64, prop::collection::vec(step(), 0..6)), 1..20)
    ) {
        let mut world = World::new(
            "attributes:
               way:      {from: [web, crm], within: 3 seconds,
                          funnel: [odd, value > 1, \"letter in ('a', 'd')\"]}
               sessions: {from: web, select: count(distinct session)}
               pages:    {from: web, select: max(session_events)}
               bounces:  {from: web, select: count(*), where: session_events = 1}
               entries:  {from: web, select: 'top(letter, 2)', where: time = session_start}
               duration: {from: web, select: last(session_seconds)}
               third:    {from: web, select: first(letter), where: session = 3}
               recent:   {from: web, select: 'recent(session * 10 + value, 3)'}
               middle:   {from: web, select: median(session_events)}
               usual:    {from: web, select: mode(session_start)}
               odd:      {from: web, select: sum(value) filter (where session > 1), where: odd}
               lately:   {from: web, select: count(distinct session), within: 3 seconds}
               spent:    {from: web, select: sum(session_seconds), between: [1 second, 4 seconds]}
               now:      {from: web, select: max(session), since: \"date_trunc('second', now())\"}",
        );
        world.all_go = true;
        pass(&mut world, &ticks);
        world.retract_everything();
    }
}
