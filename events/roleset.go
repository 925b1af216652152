package events

// RoleSet is the roles from which an organization's members may have one, as the Backend API shows it; an organization names its own by key. No webhook
// tells of it, and no read model has it.
type RoleSet struct {
	ID          string        `json:"id"`
	Name        string        `json:"name"`
	Key         string        `json:"key"`
	Description string        `json:"description"`
	Type        string        `json:"type"`
	Roles       []RoleSetItem `json:"roles"`
	// DefaultRole is that of new members, CreatorRole that of an organization's creator.
	DefaultRole RoleSetItem `json:"default_role"`
	CreatorRole RoleSetItem `json:"creator_role"`
	CreatedAt   Time        `json:"created_at"`
	UpdatedAt   Time        `json:"updated_at"`
}

// RoleSetItem is a role as its set shows it, without permissions.
type RoleSetItem struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Key  string `json:"key"`
}
