package events

// WaitlistEntry is the data of waitlistEntry.created and .updated.
type WaitlistEntry struct {
	ID           string `json:"id"`
	EmailAddress string `json:"email_address"`
	Status       string `json:"status"`
	IsLocked     bool   `json:"is_locked"`
	// Invitation is the invitation that answered the entry, without its url, which is a credential.
	Invitation JSON `json:"invitation"`
	CreatedAt  Time `json:"created_at"`
	UpdatedAt  Time `json:"updated_at"`
}
