package clerksim

type session struct {
	stamp
	user         *user
	client       string
	actor        object // who impersonates, or nil
	status       string
	organization string // last active one; it is not cleared by an event when that organization goes
	lastActive   int64
	activity     object
	expire       int64
	abandon      int64
	plainActor   bool // lacks the optional fields where they are null
}

func (s *session) data(w *World) object {
	o := object{{"object", "session"}, {"id", s.id}, {"user_id", s.user.id}, {"client_id", s.client}}
	if s.actor != nil || !s.plainActor {
		o.add("actor", s.actor)
	}
	if !w.odd() { // an absent status is what the verb says
		o.add("status", s.status)
	}
	if s.organization != "" || !s.plainActor {
		o.add("last_active_organization_id", text(s.organization))
	}
	o = append(o, object{
		{"last_active_at", s.lastActive}, {"latest_activity", s.activity}, {"expire_at", s.expire}, {"abandon_at", s.abandon},
		{"created_at", s.created}, {"updated_at", s.updated},
	}...)
	if w.chance(w.cfg.OddRate / 2) {
		return append(o, field{"user", nil})
	}
	return append(o, field{"user", s.user.data(w)})
}

func (w *World) newSession(u *user) *session {
	s := &session{
		stamp: stamp{id: w.id("sess_")}, user: u, client: w.id("client_"), status: "active", plainActor: w.odd(),
	}
	if w.chance(0.07) {
		if by, ok := w.someUser(func(x *user) bool { return x != u }); ok {
			s.actor = object{{"sub", by.id}}
			if w.chance(0.5) {
				s.actor.add("iss", "https://dashboard.clerk.example")
			}
		}
	}
	if w.chance(0.85) {
		s.activity = w.newActivity()
	}
	if n := len(u.memberships); n > 0 && w.chance(0.6) {
		s.organization = u.memberships[n-1].org.id
	}
	return s
}

func (w *World) newActivity() object {
	o := object{
		{"object", "session_activity"}, {"id", w.id("sess_activity_")}, {"device_type", one(w.r, []string{"Linux", "Macintosh", "iPhone"})},
		{"is_mobile", w.chance(0.3)}, {"browser_name", one(w.r, []string{"Chrome", "Safari", "Firefox"})}, {"browser_version", "137.0.0.0"},
		{"ip_address", w.address()},
	}
	if w.chance(0.7) {
		o.add("city", one(w.r, []string{"Lisbon", "Tromsø", "São Paulo", "京都"}))
		o.add("country", one(w.r, []string{"PT", "NO", "BR", "JP"}))
	}
	return o
}

func (s *session) begin(w *World, status string) {
	if s.created == 0 {
		s.created = w.now
		s.expire, s.abandon = w.now+7*86_400_000, w.now+30*86_400_000
		s.user.sessions = append(s.user.sessions, s)
		w.sessions.add(s)
	}
	s.status, s.lastActive = status, w.now
}

// signIn queues a session: at once active, or first pending until a task such as choosing an organization is done.
func (w *World) signIn(u *user) {
	s := w.newSession(u)
	begin := func(verb, status string) {
		w.tell("session."+verb, s, func() { s.begin(w, status) })
	}
	switch n := w.r.IntN(10); {
	case n < 7:
		begin("created", "active")
	case n < 9:
		begin("pending", "pending")
		begin("created", "active")
	default:
		begin("created", "active")
		begin("pending", "pending")
	}
	if w.chance(w.cfg.TieRate * 2) {
		w.undoAtOnce(s)
	}
}

// undoAtOnce removes a session in the very millisecond of its last event, on both clocks. It is no tie: a session that is over never
// comes back, so the removal is the truth.
func (w *World) undoAtOnce(s *session) {
	w.then(func() Message {
		w.sessions.remove(s)
		s.status = "removed"
		return w.message("session.removed", s.id, s.data(w), s.envelope, true)
	})
}

// closeSession queues the end of a session. Clerk does not always move updated_at for it; the envelope's later timestamp tells then.
func (w *World) closeSession(s *session, verb string) {
	still := w.chance(0.1)
	w.then(func() Message {
		w.tick()
		w.sessions.remove(s)
		s.status = verb
		if w.chance(0.5) {
			s.activity = nil
		}
		if !still {
			s.updated = w.now
		}
		s.envelope = w.now + w.lag()
		return w.message("session."+verb, s.id, s.data(w), s.envelope, still)
	})
}

// visit is a sign-in; half of them are also an update of the user.
func (w *World) visit() bool {
	u, ok := w.someUser(func(u *user) bool { return !u.banned && !u.deprovisioned })
	if !ok {
		return false
	}
	if e := u.mail(); e != nil && w.chance(0.2) {
		w.mailCode(e.address, e.id, u)
	}
	w.signIn(u)
	if w.chance(0.5) {
		w.revise("user.updated", u, func() { u.lastSignIn, u.lastActive = w.now, w.today() })
	}
	return true
}

func (w *World) closeOne(verb string) bool {
	s, ok := w.sessions.find(w.r, anyOne)
	if ok {
		w.closeSession(s, verb)
	}
	return ok
}

func (w *World) signOut() bool       { return w.closeOne("ended") }
func (w *World) dropSession() bool   { return w.closeOne("removed") }
func (w *World) revokeSession() bool { return w.closeOne("revoked") }
