//! Real HTTP for the tests of the web layer: a client ([`Client`]), and one service on axum and on actix-web ([`Site`]).
//!
//! Where each rule is tested, by a real client on both; what is in `axum` has its like in `actix`, and `tests/handlers`
//! checks that every test that is named here exists.
//!
//! | rule of the response cache | test in `tests/responses` |
//! |---|---|
//! | only safe methods; an unsafe one forgets what it changed | `requests::other_methods_pass`, `forgetting::what_a_request_changed_is_forgotten`, `forgetting::what_a_request_failed_to_change_stays` |
//! | an allow-list of statuses, each with a lifetime if wanted; parts never | `corpus::case_082_statuses_are_an_allow_list`, `corpus::a_part_is_never_stored_whatever_the_list_says` |
//! | never `private`, `no-store`, `no-cache`, `Set-Cookie`, `Vary: *`, what is over, what cannot be read | `corpus::what_is_not_for_everybody_is_not_stored`, `corpus::a_long_list_is_read_to_its_end`, `corpus::case_315_a_cookie_is_never_replayed` |
//! | and nothing more than that | `corpus::what_only_looks_so_is_stored`, `corpus::a_page_that_stops_being_private_is_stored` |
//! | a filter of the program's | `corpus::a_filter_has_the_last_word`, `requests::a_condition_of_ones_own_lets_requests_pass` |
//! | `Authorization` passes unless told to take part | `requests::an_authorised_request_passes_unless_it_may_take_part` |
//! | bodies of requests, `Range`, conditions of changes, other protocols pass | `requests::a_get_with_a_body_passes`, `requests::those_who_want_a_part_pass`, `raw::a_body_that_nobody_expects_poisons_nothing` |
//! | `Vary` is honoured and normalised | `variants::each_variant_has_an_entry`, `variants::what_means_the_same_is_one_variant`, `variants::cookies_are_variants_where_it_says_so`, `variants::a_response_that_varies_by_more_is_not_served_to_others`, `variants::values_can_be_made_fewer` |
//! | the number of variants is capped | `variants::the_number_of_variants_is_capped` |
//! | the query is sorted and keeps duplicates; hosts are kept apart | `basics::the_query_is_sorted_and_keeps_duplicates`, `basics::hosts_are_kept_apart_unless_they_do_not_count`, `raw::a_host_is_said_once`, `requests::parameters_that_nobody_looks_at_are_left_out` |
//! | strong tags, `If-None-Match`, `If-Modified-Since`, 304 with the right fields | `conditions::a_client_that_has_it_is_told_so`, `conditions::the_first_who_asks_may_have_it_already`, `conditions::dates_count_where_there_are_no_tags`, `conditions::an_error_is_sent_whole` |
//! | `Cache-Control` of the request, if allowed | `requests::a_client_cannot_make_the_service_work`, `requests::a_client_that_may_say_so_is_obeyed` |
//! | `Age`, `Date`; what comes old is old | `basics::a_response_is_computed_once_until_it_is_over`, `corpus::what_comes_with_a_date_is_as_old_as_that`, `corpus::what_belongs_to_the_connection_is_not_replayed` |
//! | `Cache-Status` | `basics::a_response_is_computed_once_until_it_is_over`, `corpus::what_others_said_of_their_caches_stays_before_ours` |
//! | the original's hit header | `requests::case_089_the_hit_header_is_on_hits_only_and_on_demand` |
//! | `stale-while-revalidate` | `stale::what_is_stale_is_served_while_one_computes`, `stale::others_are_served_the_stale_one_at_once`, `stale::a_response_says_it_itself` |
//! | `stale-if-error` | `stale::what_is_stale_is_served_where_computing_fails`, `stale::a_shared_lifetime_is_served_stale_by_its_own_words_only` |
//! | the lifetimes are those of all values, to the boundary | `stale::a_boundary_belongs_to_what_follows` |
//! | bodies stream through, stored only under a size | `bodies::case_176_a_body_streams_through_and_is_stored_at_its_end`, `bodies::what_is_too_long_passes_whole`, `bodies::a_body_without_bytes_is_one` |
//! | a client that goes away poisons nothing | `crowds::a_client_that_goes_away_leaves_nothing_broken`, `crowds::half_a_body_is_never_stored` |
//! | concurrent misses run the service once, and nobody queues in vain | `crowds::concurrent_misses_run_the_service_once`, `crowds::those_who_wait_for_a_variant_get_theirs`, `crowds::nobody_queues_for_what_is_not_stored` |
//! | what is forgotten is not served, not even what was on its way | `forgetting::a_path_is_forgotten_with_its_queries_hosts_and_variants`, `crowds::what_was_forgotten_while_it_was_computed_is_not_served` |
//! | `HEAD` is answered from `GET` | `requests::case_314_a_head_is_answered_from_a_get_and_never_the_other_way`, `variants::a_head_finds_its_variant` |
//! | hostile requests: lists, quotes, folds, bytes beyond ASCII, huge values | `requests::what_a_client_writes_spoils_no_entry`, `raw::a_folded_field_is_refused_or_one_value` |
//! | a cache that fails costs its use only | `forgetting::a_cache_that_fails_costs_only_its_use` |
//!
//! | rule of cached handlers | test in `tests/handlers` |
//! |---|---|
//! | extractors are parameters; `String`, `Html`, `Json` are results | `axum::extractors_are_parameters_and_results_are_axums`, `actix::extractors_are_parameters_and_results_are_actixs` |
//! | `Result`s of these and of `CachedResponse` | `axum::results_of_each_kind_are_cached_and_their_errors_are_not`, `actix::results_of_each_kind_are_cached_and_their_errors_are_not` |
//! | `CachedResponse` with its own timeout | `axum::case_013_090_a_response_brings_its_own_timeout`, `actix::case_013_090_a_response_brings_its_own_timeout`, `context::case_090_a_responses_own_timeout_wins` |
//! | `query_string` sorts and keeps duplicates | `axum::case_096_097_the_query_is_sorted_and_keeps_duplicates`, `actix::queries_fields_and_cookies_are_keys_and_can_be_forgotten` |
//! | `vary` by field, cookie, function | `axum::a_handler_varies_by_fields_cookies_and_what_it_knows`, `actix::queries_fields_and_cookies_are_keys_and_can_be_forgotten` |
//! | the method is part of the key, `HEAD` is answered from `GET` | `axum::the_method_is_part_of_the_key_and_a_head_reads_only`, `actix::the_method_is_part_of_the_key_and_a_head_reads_only`, `context::a_head_reads_what_a_get_stored` |
//! | templates of keys, `key_prefix` functions | `axum::a_template_has_the_method_host_query_fields_and_cookies`, `actix::a_template_has_the_method_host_query_fields_and_cookies`, `context::where_values_meet_nobody_takes_the_key_of_another` |
//! | `delete_cached!` | `axum::case_100_101_102_a_request_is_forgotten_by_path_and_query`, `actix::case_102_a_request_is_forgotten_by_path_whatever_made_its_key` |
//! | what is its client's alone is not stored | `axum::case_315_what_sets_a_cookie_is_its_clients_alone`, `actix::case_315_what_sets_a_cookie_is_its_clients_alone`, `context::what_is_not_for_everybody_is_not_stored` |
//! | an error of a handler is answered by what is stale | `tower::an_error_of_a_service_is_answered_by_what_is_stale`, `actix::an_error_of_a_handler_is_answered_by_what_is_stale` |

#![allow(clippy::missing_panics_doc, reason = "what fails in a test, panics")]

mod actix;
mod axum;
mod client;
mod service;
mod world;

pub use self::actix::start as start_actix;
pub use self::axum::start as start_axum;
pub use self::client::{Client, Reply};
pub use self::service::{Answer, Asked, Handler};
pub use self::world::{Site, World, everywhere, everywhere_with, on};
