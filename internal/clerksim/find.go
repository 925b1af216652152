package clerksim

import "fmt"

func byID[T pooled](p *pool[T], kind, id string) (T, error) {
	x, ok := p.get(id)
	if !ok {
		return x, fmt.Errorf("%s %q: %w", kind, id, ErrNotFound)
	}
	return x, nil
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
