package clerksim

import "fmt"

// sparse is true while a world is founded that shall have nothing beside what was asked for.
func (w *World) sparse() bool { return w.cfg.Sparse && w.changed == 0 && !w.live }

// signUpSparsely queues a user with a name and an e-mail address. Strings and proofs are shared, for a million users have them.
func (w *World) signUpSparsely() *user {
	u := &user{stamp: stamp{id: w.id("user_"), created: w.now}, first: one(w.r, firstNames()), last: one(w.r, lastNames())}
	w.serial++
	e := &email{stamp: stamp{id: w.id("idn_"), created: w.now, updated: w.now}, address: fmt.Sprintf("user.%d@sparse.example", w.serial)}
	if w.ticketed == nil {
		w.ticketed = &verification{kind: "verification_ticket", status: "verified", strategy: "ticket"}
	}
	e.proved = w.ticketed
	u.emails, u.primaryEmail = []*email{e}, e.id
	w.tell("user.created", u, func() {
		u.created = w.now
		w.users.add(u)
	})
	return u
}
