// Package projectiontest is with what a service proves a projection of its own, in a few lines and on a real Postgres:
//
//	func TestMain(m *testing.M) { os.Exit(projectiontest.Main(m)) }
//
//	func TestEachMemberIsListed(t *testing.T) {
//		kit := projectiontest.New(t, memberDirectory())
//		kit.Given(
//			projectiontest.Event("organizationMembership.created", monday, projectiontest.Data{"id": "orgmem_1", "role": "org:member"}),
//			projectiontest.Event("organizationMembership.updated", tuesday, projectiontest.Data{"id": "orgmem_1", "role": "org:admin"}),
//		)
//		kit.Then("member_directory", projectiontest.Row{"id": "orgmem_1", "role": "org:admin"})
//	}
//
// Then says more than that those rows are there. It proves of each projection under test, with the events that were given:
//
//   - Decode is pure: it gives the same row each time, also from several goroutines, and leaves the event as it was.
//   - The tables hold the same in whatever order the events come, one by one, in batches or all at once, once or again.
//   - They hold the same when they were loaded by a rebuild, also by one that ended early and was written on from there.
//   - What was there already changes nothing and is not reported as changed.
//   - Each row is written by the events of one entity alone, and no table of another projection is touched.
//   - When all the entities are deleted, with whatever clocks and in whatever order, the views show nothing.
//
// A failure names the order that failed, in numbers of the events as they were given, and the seed that makes the kit take it again.
//
// What it cannot see: what holds for no event that was given, and a Decode that depends on something which stood still during the test.
package projectiontest
