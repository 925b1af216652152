package events

// Role is the data of role.created and .updated; of role.deleted Clerk's sources disagree whether it is the full role or only the id.
type Role struct {
	ID                string           `json:"id"`
	Name              string           `json:"name"`
	Key               string           `json:"key"`
	Description       string           `json:"description"`
	IsCreatorEligible bool             `json:"is_creator_eligible"`
	Permissions       List[Permission] `json:"permissions"`
	CreatedAt         Time             `json:"created_at"`
	UpdatedAt         Time             `json:"updated_at"`
}

// Permission is the data of permission.created and .updated, and stands inside roles.
type Permission struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Key         string `json:"key"`
	Description string `json:"description"`
	Type        string `json:"type"`
	CreatedAt   Time   `json:"created_at"`
	UpdatedAt   Time   `json:"updated_at"`
}
