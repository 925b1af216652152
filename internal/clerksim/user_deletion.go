package clerksim

// deleteUser takes everything with it. Whether Clerk sends events for what hung on a user is not known, so the world does it sometimes
// before, sometimes after, and sometimes not at all; the truth is the same.
func (w *World) deleteUser() bool {
	u, ok := w.someUser(func(u *user) bool { return w.users.len() > 2 })
	if !ok {
		return false
	}
	memberships, sessions := w.membershipsOf(u), w.sessionsOf(u)
	cascade := w.r.IntN(3)
	if cascade == 0 {
		w.partAll(memberships)
		w.closeAll(sessions, "removed")
	}
	w.end("user.deleted", u.id, func() { w.removeUser(u) }, func() object {
		o := deletedObject("user", u.id)
		if u.externalID != "" && !w.odd() {
			o.add("external_id", u.externalID)
		}
		return o
	})
	if cascade == 1 {
		w.partAll(memberships)
		w.closeAll(sessions, "removed")
	}
	if u.subscription != nil && w.chance(0.5) {
		w.endPaidItems(u.subscription)
	}
	return true
}

func (w *World) removeUser(u *user) {
	u.deleted = true
	w.users.remove(u)
	for _, m := range u.memberships {
		w.removeMembership(m)
	}
	for _, s := range u.sessions {
		w.sessions.remove(s)
	}
	if u.subscription != nil {
		w.payers.remove(u.subscription)
	}
	for _, e := range u.emails {
		if len(w.freed) < 100 {
			w.freed = append(w.freed, e.address)
		}
	}
}

func (w *World) membershipsOf(u *user) []*membership {
	var list []*membership
	for _, m := range u.memberships {
		if w.memberships.has(m) {
			list = append(list, m)
		}
	}
	return list
}

func (w *World) sessionsOf(u *user) []*session {
	var list []*session
	for _, s := range u.sessions {
		if w.sessions.has(s) {
			list = append(list, s)
		}
	}
	return list
}

func (w *World) partAll(list []*membership) {
	for _, m := range list {
		w.part(m)
	}
}

func (w *World) closeAll(list []*session, verb string) {
	for _, s := range list {
		w.closeSession(s, verb)
	}
}
