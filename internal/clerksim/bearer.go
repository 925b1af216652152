package clerksim

import "fmt"

// bearer is whom a token is for.
type bearer struct {
	user         *user
	session      *session
	membership   *membership // of the active organization, or nil
	impersonator string      // a session of the actor, where there is one
}

// bearer finds whom the specification means, and signs them in where they are not. The caller holds the lock, by lock.
func (c *Clerk) bearer(spec TokenSpec) (b bearer, err error) {
	w := c.world
	if b.user, b.membership, err = w.caller(spec); err != nil {
		return bearer{}, err
	}
	if b.session, err = c.sessionFor(spec, b.user); err != nil {
		return bearer{}, err
	}
	if by := b.session.actedBy(); by != "" {
		if actor, err := w.userByID(by); err == nil {
			for _, s := range w.sessionsOf(actor) {
				b.impersonator = s.id
			}
		}
	}
	return b, nil
}

func (w *World) caller(spec TokenSpec) (*user, *membership, error) {
	if spec.User != "" {
		u, err := w.userByID(spec.User)
		if err != nil {
			return nil, nil, err
		}
		if !u.mayUse() {
			return nil, nil, fmt.Errorf("user %s is banned or deprovisioned: %w", u.id, ErrRefused)
		}
		m, err := w.membershipFor(spec.Org, u)
		return u, m, err
	}
	if spec.Org == "" && spec.Role == "" {
		u, ok := w.anybody()
		if !ok {
			return nil, nil, fmt.Errorf("user who may sign in: %w", ErrNotFound)
		}
		return u, nil, nil
	}
	for _, m := range w.memberships.items {
		if m.user.mayUse() && !m.user.locked && m.is(spec.Org, spec.Role) {
			return m.user, m, nil
		}
	}
	return nil, nil, fmt.Errorf("member of organization %q with role %q: %w", spec.Org, spec.Role, ErrNotFound)
}

// mayUse is whether Clerk gives the user tokens. A locked user cannot sign in, and keeps the sessions there are.
func (u *user) mayUse() bool { return !u.banned && !u.deprovisioned }

func (m *membership) is(org, role string) bool {
	return (org == "" || org == AnyOrg || org == m.org.id) && (role == "" || role == m.role)
}

// anybody is the first user with a session, or else the first who may sign in.
func (w *World) anybody() (*user, bool) {
	for _, s := range w.sessions.items {
		if s.user.mayUse() && s.actor == nil && s.status == "active" {
			return s.user, true
		}
	}
	for _, u := range w.users.items {
		if u.mayUse() && !u.locked {
			return u, true
		}
	}
	return nil, false
}

func (w *World) membershipFor(org string, u *user) (*membership, error) {
	if org == "" {
		return nil, nil //nolint:nilnil // no organization is active, and none was asked for
	}
	for _, m := range w.membershipsOf(u) {
		if m.is(org, "") {
			return m, nil
		}
	}
	return nil, fmt.Errorf("membership of user %s in organization %q: %w", u.id, org, ErrNotFound)
}

// sessionFor is the named session, or the newest that fits, or a new one.
func (c *Clerk) sessionFor(spec TokenSpec, u *user) (*session, error) {
	w := c.world
	if spec.Session != "" {
		s, err := w.sessionByID(spec.Session)
		if err == nil && s.user != u {
			err = fmt.Errorf("session %s of user %s: %w", spec.Session, u.id, ErrNotFound)
		}
		return s, err
	}
	now := c.cfg.Now().UnixMilli()
	var found *session
	for _, s := range w.sessionsOf(u) {
		if s.status == "active" && s.expire > now && s.actedBy() == spec.Actor {
			found = s
		}
	}
	if found != nil {
		return found, nil
	}
	if spec.Actor != "" {
		if _, err := w.userByID(spec.Actor); err != nil {
			return nil, err
		}
	}
	return c.signIn(u, spec.Actor)
}

func (s *session) actedBy() string {
	if s.actor == nil {
		return ""
	}
	return s.actor.get("sub").(string)
}

// signIn begins a session at once; somebody who impersonates is not kept out by a lock.
func (c *Clerk) signIn(u *user, actor string) (*session, error) {
	if u.locked && actor == "" {
		return nil, fmt.Errorf("user %s is locked: %w", u.id, ErrRefused)
	}
	var s *session
	c.direct(func(w *World) {
		s = w.newSession(u)
		s.actor = nil
		if actor != "" {
			s.actor = object{{"iss", "https://dashboard.clerk.example"}, {"sub", actor}}
		}
		w.tell("session.created", s, func() { s.begin(w, "active") })
	})
	return s, nil
}
