package clerksim

import (
	"fmt"
	"slices"
	"strings"
)

// SignUp makes a user with the given verified e-mail addresses, the first of them the primary one, and signs them in. Without an address one is
// invented. An address that somebody has is ErrRefused.
func (c *Clerk) SignUp(emails ...string) (userID string, err error) {
	return c.createUser(emails, func(w *World, u *user) {
		u.password, u.passwordAt = true, w.now
	}, true)
}

// CreateUser is SignUp by the Backend API: nobody is signed in.
func (c *Clerk) CreateUser(emails ...string) (userID string, err error) {
	return c.createUser(emails, func(*World, *user) {}, false)
}

// EnterpriseSignUp makes a user who comes by the enterprise connection of the address' domain, and signs them in. A domain without a connection is
// ErrNotFound; Connections lists them.
func (c *Clerk) EnterpriseSignUp(email string) (userID string, err error) {
	_, domain, _ := strings.Cut(email, "@")
	connection, err := c.connectionFor(domain)
	if err != nil {
		return "", err
	}
	return c.createUser([]string{email}, func(w *World, u *user) {
		a := w.newEnterpriseAccount(u)
		a.connection, a.subject, a.seen = connection, w.id("00u"), w.now
		a.proved = &verification{kind: "verification_saml", status: "verified", strategy: "saml", attempts: 1, expire: w.now + 600_000, sso: true}
		u.enterprise = []*enterpriseAccount{a}
		u.emails[0].proved = &verification{kind: "verification_saml", status: "verified", strategy: "saml", sso: true}
	}, true)
}

func (c *Clerk) connectionFor(domain string) (object, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, connection := range c.world.connections {
		if strings.EqualFold(connection.get("domain").(string), domain) {
			return connection, nil
		}
	}
	return nil, fmt.Errorf("enterprise connection of domain %q: %w", domain, ErrNotFound)
}

func (c *Clerk) createUser(emails []string, shape func(*World, *user), signIn bool) (string, error) {
	c.lock()
	defer c.mu.Unlock()
	if slices.ContainsFunc(emails, c.world.hasEmail) {
		return "", fmt.Errorf("somebody has that e-mail address: %w", ErrRefused)
	}
	var u *user
	c.direct(func(w *World) {
		u = w.plainUser(emails)
		shape(w, u)
		w.tell("user.created", u, func() {
			u.created = w.now
			w.users.add(u)
		})
	})
	if !signIn {
		return u.id, nil
	}
	_, err := c.signIn(u, "")
	return u.id, err
}

func (w *World) hasEmail(address string) bool {
	for _, u := range w.users.items {
		for _, e := range u.emails {
			if strings.EqualFold(e.address, address) {
				return true
			}
		}
	}
	return false
}

// plainUser is somebody about whom nothing is unusual.
func (w *World) plainUser(emails []string) *user {
	u := &user{
		stamp: stamp{id: w.id("user_"), created: w.now}, image: w.image(), first: one(w.r, firstNames()), last: one(w.r, lastNames()), lastActive: w.today(),
	}
	if len(emails) == 0 {
		emails = []string{w.mailbox()}
	}
	for _, address := range emails {
		e := w.newEmail(address)
		u.emails = append(u.emails, e)
	}
	u.primaryEmail = u.emails[0].id
	return u
}

// SignIn begins a session.
func (c *Clerk) SignIn(userID string) (sessionID string, err error) {
	c.lock()
	defer c.mu.Unlock()
	u, err := c.world.userByID(userID)
	if err != nil {
		return "", err
	}
	if !u.mayUse() {
		return "", fmt.Errorf("user %s is banned or deprovisioned: %w", u.id, ErrRefused)
	}
	s, err := c.signIn(u, "")
	if err != nil {
		return "", err
	}
	return s.id, nil
}

// Ban keeps the user out and revokes their sessions, each with a message of its own.
func (c *Clerk) Ban(userID string) error { return c.shutOut(userID, func(u *user) { u.banned = true }) }

// Unban lets the user in again.
func (c *Clerk) Unban(userID string) error {
	return c.editUser(userID, func(u *user) { u.banned = false })
}

// Lock keeps the user from signing in; the sessions there are go on.
func (c *Clerk) Lock(userID string) error {
	return c.editUser(userID, func(u *user) { u.locked = true })
}

// Unlock lets the user sign in again.
func (c *Clerk) Unlock(userID string) error {
	return c.editUser(userID, func(u *user) { u.locked = false })
}

// Deprovision is what an identity provider's delete becomes: the user stays, and is out.
func (c *Clerk) Deprovision(userID string) error {
	return c.shutOut(userID, func(u *user) { u.deprovisioned = true })
}

func (c *Clerk) shutOut(userID string, edit func(*user)) error {
	return c.withUser(userID, func(w *World, u *user) {
		w.tell("user.updated", u, func() { edit(u) })
		w.revokeAll(u)
	})
}

func (c *Clerk) editUser(userID string, edit func(*user)) error {
	return c.withUser(userID, func(w *World, u *user) { w.tell("user.updated", u, func() { edit(u) }) })
}

func (c *Clerk) withUser(userID string, decide func(*World, *user)) error {
	c.lock()
	defer c.mu.Unlock()
	u, err := c.world.userByID(userID)
	if err == nil {
		c.direct(func(w *World) { decide(w, u) })
	}
	return err
}

// DeleteUser tells user.deleted and nothing else. Whether Clerk says more of what hung on the user is not known, so a receiver must do without.
func (c *Clerk) DeleteUser(userID string) error {
	return c.withUser(userID, func(w *World, u *user) {
		w.end("user.deleted", u.id, func() { w.removeUser(u) }, func() object {
			gone := deletedObject("user", u.id)
			if u.externalID != "" {
				gone.add("external_id", u.externalID)
			}
			return gone
		})
	})
}

// RevokeSession ends a session by the Backend API or the dashboard.
func (c *Clerk) RevokeSession(sessionID string) error { return c.endSession(sessionID, "revoked") }

// EndSession is a sign-out.
func (c *Clerk) EndSession(sessionID string) error { return c.endSession(sessionID, "ended") }

func (c *Clerk) endSession(sessionID, verb string) error {
	c.lock()
	defer c.mu.Unlock()
	s, err := c.world.sessionByID(sessionID)
	if err == nil {
		c.direct(func(w *World) { w.closeSession(s, verb) })
	}
	return err
}
