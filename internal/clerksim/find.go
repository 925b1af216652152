package clerksim

import "fmt"

// The searches are linear: a world has thousands of objects, and an index would have to be kept by every step of the history.

func byID[T interface {
	comparable
	mark() *stamp
}](p *pool[T], kind, id string) (T, error) {
	for _, x := range p.items {
		if x.mark().id == id {
			return x, nil
		}
	}
	var none T
	return none, fmt.Errorf("%s %q: %w", kind, id, ErrNotFound)
}

func (w *World) userByID(id string) (*user, error) { return byID(&w.users, "user", id) }

func (w *World) organizationByID(id string) (*organization, error) {
	return byID(&w.orgs, "organization", id)
}

func (w *World) sessionByID(id string) (*session, error) { return byID(&w.sessions, "session", id) }

func (w *World) membership(org, user string) (*membership, error) {
	u, err := w.userByID(user)
	if err != nil {
		return nil, err
	}
	return w.membershipFor(org, u)
}
