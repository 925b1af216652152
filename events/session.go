package events

// Session is the data of the session events. The user that Clerk embeds in it is a copy of that moment and not read.
type Session struct {
	ID       string `json:"id"`
	UserID   string `json:"user_id"`
	ClientID string `json:"client_id"`
	Status   string `json:"status"`
	// Actor is set while somebody impersonates the user; its sub is who.
	Actor                    JSON   `json:"actor"`
	LastActiveOrganizationID string `json:"last_active_organization_id"`
	LastActiveAt             Time   `json:"last_active_at"`
	LatestActivity           JSON   `json:"latest_activity"`
	ExpireAt                 Time   `json:"expire_at"`
	AbandonAt                Time   `json:"abandon_at"`
	CreatedAt                Time   `json:"created_at"`
	UpdatedAt                Time   `json:"updated_at"`
}

func (s *Session) normalize(e *Event) {
	if s.Status == "" {
		s.Status = statusOf(e.Verb, "active")
	}
}
