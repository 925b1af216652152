package denylist

import (
	"math"
	"strings"

	"github.com/clerkstream/clerkstream/auth"
)

// kind is what an entry is about. The numbers stand in the reader's SQL.
type kind int16

const (
	kindUser kind = iota
	kindSession
	kindOrg
	kindMember
)

// subject is whom an entry is about: a user, a session, an organization, or a user (other) in an organization.
type subject struct {
	kind      kind
	id, other string
}

// entry is what a row said after it changed.
type entry struct {
	// until is when that was, in ms since 1970: it refuses tokens issued at or before.
	until int64
	// code is why, whatever the token says; else role is the only one that a token may name.
	code auth.Code
	role string
	// made is when it became an entry, in ms since 1970.
	made int64
}

// forever is the until of what is gone for good: no token is newer.
const forever = math.MaxInt64

// judge makes the entry of a row that changed at a time, and says whether it can contradict a token at all.
func (r row) judge(at int64) (e entry, denies bool) {
	e.until = at
	switch r.subject.kind {
	case kindUser:
		e.code = userCode(r)
	case kindSession:
		e.code = sessionCode(r)
	case kindOrg:
		if !r.there {
			e.code = auth.CodeOrgDeleted
		}
	case kindMember:
		// Not for good, absent or not: who was removed may be added again.
		if e.role = bareRole(r.state); !r.there {
			e.code = auth.CodeMembershipRemoved
		}
		return e, true
	}
	if !r.there {
		e.until = forever
	}
	return e, e.code != ""
}

func userCode(r row) auth.Code {
	switch {
	case !r.there:
		return auth.CodeUserDeleted
	case r.state == stateBanned:
		return auth.CodeUserBanned
	case r.state == stateLocked:
		return auth.CodeUserLocked
	case r.state == stateDeprovisioned:
		return auth.CodeUserDeprovisioned
	}
	return ""
}

// sessionCode is empty for a pending session: its tokens say so themselves, and whether Clerk tells when it becomes active is not documented.
func sessionCode(r row) auth.Code {
	if r.there && (r.state == "active" || r.state == "pending" || r.state == "") {
		return ""
	}
	return auth.CodeSessionEnded
}

// actorOf is the user who impersonates, or empty: the token ends with either of the two. Who is of another application, such as Clerk's dashboard, has no
// row here and is never denied. The claim is what a backend wrote into an actor token, so it may be anything; Postgres takes no NUL.
func actorOf(id *auth.Identity) string {
	if id.Actor == nil || id.Actor.Subject == id.User || !strings.HasPrefix(id.Actor.Subject, "user_") || strings.Contains(id.Actor.Subject, "\x00") {
		return ""
	}
	return id.Actor.Subject
}

// bareRole is a role without the prefix that tokens and rows of old instances lack.
func bareRole(role string) string { return strings.TrimPrefix(role, "org:") }

// entries are the list, and the order in which its entries were made.
type entries struct {
	by map[subject]entry
	// order holds each making of an entry, oldest first. An entry that was made again is in it twice.
	order []making
}

type making struct {
	of   subject
	made int64
}

func newEntries() entries { return entries{by: map[subject]entry{}} }

// refuse is the reason why a token is refused, or empty.
func (e *entries) refuse(id *auth.Identity, issued int64) auth.Code {
	if len(e.by) == 0 {
		return ""
	}
	for _, s := range [...]subject{
		{kindUser, id.User, ""}, {kindUser, actorOf(id), ""}, {kindSession, id.Session, ""}, {kindOrg, id.Org, ""}, {kindMember, id.Org, id.User},
	} {
		if s.id == "" {
			continue
		}
		found, ok := e.by[s]
		switch {
		case !ok || issued > found.until:
		case found.code != "":
			return found.code
		case found.role != bareRole(id.Role):
			return auth.CodeRoleChanged
		}
	}
	return ""
}

// remade is how often an entry is noted as made again at most, in ms, so that a subject that keeps changing does not fill the order. It may end that
// much too early, which expire's caller adds.
const remade = 1000

// set puts an entry in the place of the one that is there. What the row says now holds for the tokens that the other refused too: a notice that names an
// earlier time, late or forged, takes nothing back.
func (e *entries) set(of subject, found entry) {
	before, ok := e.by[of]
	if before.until != forever {
		found.until = max(found.until, before.until)
	}
	if ok && found.made-before.made < remade {
		found.made = before.made
	} else {
		e.order = append(e.order, making{of, found.made})
	}
	e.by[of] = found
}

// size is how many makings of entries are remembered, which is never less than the entries.
func (e *entries) size() int { return len(e.order) }

// expire drops up to most entries that were made before a time. It says whether there are more.
func (e *entries) expire(before int64, most int) (more bool) {
	n := 0
	for ; n < len(e.order) && e.order[n].made < before; n++ {
		if n == most {
			more = true
			break
		}
		// One that was made again since stands further back.
		if e.by[e.order[n].of].made == e.order[n].made {
			delete(e.by, e.order[n].of)
		}
	}
	e.order = e.order[n:]
	if len(e.order) == 0 {
		e.order = nil
	}
	return more
}
