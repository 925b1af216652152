package directory

import (
	"fmt"
	"strings"

	"github.com/maypok86/otter/v2"
	"golang.org/x/sync/singleflight"
)

// cache keeps what was read. An entry that something changed under stays where it is, unused, until it is read again or makes room: to find out
// which entries a change concerns would take an index of its own, and be one more thing that can be wrong.
type cache struct {
	kept    *otter.Cache[key, *entry]
	stamps  *stamps
	flights singleflight.Group
}

// entry is an answer: nil is that there is none.
type entry struct {
	began uint64 // the moment of the stamps at which the reading began
	at    int64  // when that was, by Directory.elapsed, for the time during which the feed is lost
	value any
}

func newCache(capacity int64) (*cache, error) {
	kept, err := otter.New(&otter.Options[key, *entry]{MaximumWeight: uint64(capacity), Weigher: weigh})
	if err != nil {
		return nil, fmt.Errorf("make cache: %w", err)
	}
	return &cache{kept: kept, stamps: newStamps()}, nil
}

// unchanged is the guard of every hit: nothing that the entry was made of has changed since.
func (c *cache) unchanged(k key, e *entry) bool {
	s, since := c.stamps, e.began
	if !s.remembered(since, k.what) {
		return false
	}
	switch k.what {
	case userByID, organizationByID:
		return s.unchanged(since, k.what, k.a, "")
	case membershipOf:
		// What hides it is the end of its user or its organization, of which alone a notice may tell.
		return s.unchanged(since, membershipOf, k.a, k.b) && s.unchanged(since, userByID, k.b, "") && s.unchanged(since, organizationByID, k.a, "")
	case userByExternalID, usersByEmail:
		return s.unchanged(since, k.what, k.a, "") && c.heldAsBefore(e)
	case organizationBySlug, organizationByDomain:
		return s.unchanged(since, k.what, k.a, "") && c.ownedAsBefore(e)
	}
	return true // roles and connections are few, and forgotten together
}

// heldAsBefore says that nobody who had the value can have lost it. Who gained it is the value's own stamp to tell.
func (c *cache) heldAsBefore(e *entry) bool {
	held, ok := e.value.(*holders)
	if !ok {
		return true
	}
	for i := range held.list {
		if !c.stamps.unchanged(e.began, userByID, held.list[i].User.ID, "") {
			return false
		}
	}
	return true
}

// ownedAsBefore says it of an organization and its slug or domain.
func (c *cache) ownedAsBefore(e *entry) bool {
	t, ok := e.value.(*tenant)
	return !ok || c.stamps.unchanged(e.began, organizationByID, t.organization.ID, "") && (t.domain == "" || c.stamps.unchanged(e.began, domainByID, t.domain, ""))
}

// store keeps an answer. The key may be a piece of a caller's larger text, which must not stay in memory for it.
func (c *cache) store(k key, e *entry) {
	switch v := e.value.(type) {
	case *User:
		k.a = v.ID
	case *Organization:
		k.a = v.ID
	case *Membership:
		k.a, k.b = v.OrganizationID, v.UserID
	default:
		k.a, k.b = strings.Clone(k.a), strings.Clone(k.b)
	}
	c.kept.Set(k, e)
}

// drop frees what changed, so that the data of a deleted user does not linger. That it is no longer used is the stamps' doing.
func (c *cache) drop(keys ...key) {
	for _, k := range keys {
		c.kept.Invalidate(k)
	}
}
