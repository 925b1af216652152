package clerksim

import (
	"fmt"
	"slices"
	"strings"
)

// Profile are changes of a user: nil leaves a field as it is, "" clears it.
type Profile struct {
	FirstName, LastName, Username, ExternalID *string
	// PrimaryEmailID is one of the user's own addresses, and verified.
	PrimaryEmailID *string
}

// EditProfile tells user.updated. A username or external id that somebody has is ErrRefused, and so is a primary address that is not the user's.
func (c *Clerk) EditProfile(userID string, p Profile) error {
	return c.editProfile(userID, p, (*World).tell)
}

// EditProfileStill is EditProfile of a Clerk that does not move updated_at: only the timestamp of its user.updated, or the time at which the Backend API is
// asked, says that it is newer.
func (c *Clerk) EditProfileStill(userID string, p Profile) error {
	return c.editProfile(userID, p, (*World).tellStill)
}

// tellStill is tell without moving updated_at. The envelope's timestamp is in milliseconds, for nothing else orders the message.
func (w *World) tellStill(typ string, e entity, edit func()) {
	w.then(func() Message {
		w.tick()
		edit()
		s := e.mark()
		s.envelope, s.tied = w.now+w.lag(), false
		return w.message(typ, s.id, e.data(w), s.envelope, true)
	})
}

func (c *Clerk) editProfile(userID string, p Profile, tell func(*World, string, entity, func())) error {
	c.lock()
	defer c.mu.Unlock()
	u, err := c.world.userByID(userID)
	if err != nil {
		return err
	}
	if err := p.fits(c.world, u); err != nil {
		return err
	}
	c.direct(func(w *World) { tell(w, "user.updated", u, func() { p.apply(u) }) })
	return nil
}

func (p Profile) fits(w *World, u *user) error {
	has := func(value *string, of func(*user) string) bool {
		return value != nil && *value != "" && slices.ContainsFunc(w.users.items, func(x *user) bool { return x != u && of(x) == *value })
	}
	switch {
	case has(p.Username, func(x *user) string { return x.username }):
		return fmt.Errorf("somebody has that username: %w", ErrRefused)
	case has(p.ExternalID, func(x *user) string { return x.externalID }):
		return fmt.Errorf("somebody has that external id: %w", ErrRefused)
	case p.PrimaryEmailID != nil && !slices.ContainsFunc(u.emails, func(e *email) bool { return e.id == *p.PrimaryEmailID && e.proved.verified() }):
		return fmt.Errorf("%s is no verified e-mail address of user %s: %w", *p.PrimaryEmailID, u.id, ErrRefused)
	}
	return nil
}

func (p Profile) apply(u *user) {
	for _, change := range []struct{ to, from *string }{
		{&u.first, p.FirstName}, {&u.last, p.LastName}, {&u.username, p.Username}, {&u.externalID, p.ExternalID}, {&u.primaryEmail, p.PrimaryEmailID},
	} {
		if change.from != nil {
			*change.to = *change.from
		}
	}
}

// AddEmail gives the user another verified address. One that somebody has is ErrRefused.
func (c *Clerk) AddEmail(userID, address string) error {
	c.lock()
	defer c.mu.Unlock()
	u, err := c.world.userByID(userID)
	if err != nil {
		return err
	}
	if c.world.hasEmail(address) {
		return fmt.Errorf("somebody has that e-mail address: %w", ErrRefused)
	}
	c.direct(func(w *World) { w.tell("user.updated", u, func() { w.receive(u, address) }) })
	return nil
}

// MoveEmail takes an address from one user and gives it, under a new id, to another: two messages of user.updated. Where it was the primary one the
// first user's last remaining address is, or none.
func (c *Clerk) MoveEmail(fromID, toID, address string) error {
	c.lock()
	defer c.mu.Unlock()
	from, err := c.world.userByID(fromID)
	if err != nil {
		return err
	}
	to, err := c.world.userByID(toID)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(from.emails, func(e *email) bool { return strings.EqualFold(e.address, address) })
	if i < 0 || from == to {
		return fmt.Errorf("user %s has no such e-mail address to give to %s: %w", fromID, toID, ErrRefused)
	}
	moved := from.emails[i]
	c.direct(func(w *World) {
		w.tell("user.updated", from, func() { from.removeEmail(moved) })
		w.tell("user.updated", to, func() { w.receive(to, moved.address) })
	})
	return nil
}

func (w *World) receive(u *user, address string) {
	e := w.newEmail(address)
	u.emails = append(slices.Clip(u.emails), e)
	if u.primaryEmail == "" {
		u.primaryEmail = e.id
	}
}
