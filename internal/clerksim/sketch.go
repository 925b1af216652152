package clerksim

// Sketch is enough of an instance to choose from.
type Sketch struct {
	InstanceID      string         `json:"instance_id"`
	Issuer          string         `json:"issuer"`
	AuthorizedParty string         `json:"authorized_party"`
	Users           []SketchedUser `json:"users"`
	Organizations   []SketchedOrg  `json:"organizations"`
	Roles           []SketchedRole `json:"roles"`
}

// SketchedUser is one of the users, with the sessions that a token may be of.
type SketchedUser struct {
	ID       string   `json:"id"`
	Email    string   `json:"email,omitempty"`
	Banned   bool     `json:"banned,omitempty"`
	Locked   bool     `json:"locked,omitempty"`
	Sessions []string `json:"sessions"`
}

// SketchedOrg is one of the organizations with its members: user id to role.
type SketchedOrg struct {
	ID      string            `json:"id"`
	Name    string            `json:"name"`
	Slug    string            `json:"slug,omitempty"`
	Members map[string]string `json:"members"`
}

// SketchedRole is a role with the permissions that are in tokens.
type SketchedRole struct {
	Key         string   `json:"key"`
	Permissions []string `json:"permissions"`
}

// Sketch lists at most limit users and organizations, and all roles. Members of the organizations are not among the users of necessity.
func (c *Clerk) Sketch(limit int) Sketch {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.world
	s := Sketch{
		InstanceID: w.cfg.InstanceID, Issuer: c.cfg.Issuer, AuthorizedParty: c.cfg.AuthorizedParty,
		Users: []SketchedUser{}, Organizations: []SketchedOrg{}, Roles: []SketchedRole{},
	}
	for _, u := range w.users.items[:min(limit, w.users.len())] {
		listed := SketchedUser{ID: u.id, Banned: u.banned, Locked: u.locked, Sessions: []string{}}
		if e := u.mail(); e != nil {
			listed.Email = e.address
		}
		for _, x := range w.sessionsOf(u) {
			listed.Sessions = append(listed.Sessions, x.id)
		}
		s.Users = append(s.Users, listed)
	}
	for _, o := range w.orgs.items[:min(limit, w.orgs.len())] {
		listed := SketchedOrg{ID: o.id, Name: o.name, Slug: o.slug, Members: map[string]string{}}
		for _, m := range o.members.items {
			listed.Members[m.user.id] = m.role
		}
		s.Organizations = append(s.Organizations, listed)
	}
	for _, r := range w.roles.items {
		s.Roles = append(s.Roles, SketchedRole{Key: r.key, Permissions: w.grants(r.key)})
	}
	return s
}

// Connection is an enterprise connection. Clerk tells none of them by webhook.
type Connection struct{ ID, Name, Domain, Provider string }

// Connections are the instance's enterprise connections.
func (c *Clerk) Connections() []Connection {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []Connection
	for _, o := range c.world.connections {
		list = append(list, Connection{
			ID: o.get("id").(string), Name: o.get("name").(string), Domain: o.get("domain").(string), Provider: o.get("provider").(string),
		})
	}
	return list
}
