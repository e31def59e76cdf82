use super::*;

#[test]
fn ids_are_in_order_and_none_is_there_twice() {
    assert!(RULES.is_sorted_by(|a, b| a.id < b.id));
    for id in NEEDED {
        assert_eq!(rule(id).id, *id);
    }
}
