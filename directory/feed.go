package directory

import (
	"sync/atomic"

	"github.com/clerkstream/clerkstream/internal/changefeed"
)

// feed is what the Directory knows of the change feed, and what it does on a notice.
type feed struct {
	*Directory
	// lost is when the feed was lost, by Directory.elapsed; 0 while it stands.
	lost atomic.Int64
}

// neverStood is before everything.
const neverStood = 1

// vouchesFor says that a notice would have come if the entry were out of date, or that the entry is young enough to be used without.
func (f *feed) vouchesFor(e *entry) bool {
	lost := f.lost.Load()
	return lost == 0 || f.elapsed()-max(e.at, lost) < int64(f.config.LostTTL)
}

// Connected implements changefeed.Subscriber.
func (f *feed) Connected() {
	f.flush("connected")
	// Only now, or what was kept too long would be vouched for.
	f.lost.Store(0)
}

// Lost implements changefeed.Subscriber.
func (f *feed) Lost() {
	f.lost.Store(f.elapsed())
}

// Changed implements changefeed.Subscriber. It only writes down, for Listen must not be held up: what takes a query is settled elsewhere.
func (f *feed) Changed(n changefeed.Notice) {
	if f.config.switches.heard != nil {
		defer f.config.switches.heard(n.Sequence)
	}
	if n.Flush {
		f.flush("notice")
		return
	}
	for model, ids := range n.Changes {
		f.invalidate(Kind(model), ids, n.Related[model])
	}
	f.settling.note(f.cache.stamps, n.Changes)
	for model, ids := range n.Changes {
		f.waiters.wake(Kind(model), ids)
	}
}

// flush forgets everything.
func (d *Directory) flush(why string) {
	d.cache.stamps.forget(everything...)
	d.cache.kept.InvalidateAll()
	d.metrics.flushes.WithLabelValues(why).Inc()
	d.waiters.wakeAll()
}

// invalidate ends the use of what is kept about entities. related is parallel to ids where a notice says more.
func (d *Directory) invalidate(kind Kind, ids []string, related [][]string) {
	switch kind {
	case KindUsers:
		d.touch(userByID, ids)
	case KindOrganizations:
		d.touch(organizationByID, ids)
	case KindOrganizationDomains:
		d.touch(domainByID, ids)
	case KindOrganizationMemberships:
		d.touchMemberships(ids, related)
	case KindRoles, KindPermissions:
		d.cache.stamps.forget(roleByKey)
	case KindEnterpriseConnections:
		d.cache.stamps.forget(connectionFor)
	}
}

func (d *Directory) touch(w what, ids []string) {
	keys := make([]key, len(ids))
	for i, id := range ids {
		keys[i] = key{what: w, a: id}
	}
	d.cache.stamps.touch(keys...)
	d.cache.drop(keys...)
}

// touchMemberships goes by whose the memberships are, for that is how they are looked up. If one does not say, it can be anybody's.
func (d *Directory) touchMemberships(ids []string, related [][]string) {
	keys := make([]key, len(ids))
	for i := range ids {
		if i >= len(related) || len(related[i]) != 2 || related[i][0] == "" || related[i][1] == "" {
			d.cache.stamps.forget(membershipOf)
			return
		}
		keys[i] = key{what: membershipOf, a: related[i][0], b: related[i][1]}
	}
	d.cache.stamps.touch(keys...)
	d.cache.drop(keys...)
}
