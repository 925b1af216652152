package events

// Email is the data of email.created. Subject and bodies hold one-time codes and are blanked on the stream.
type Email struct {
	ID               string `json:"id"`
	Slug             string `json:"slug"`
	FromEmailName    string `json:"from_email_name"`
	ToEmailAddress   string `json:"to_email_address"`
	EmailAddressID   string `json:"email_address_id"`
	UserID           string `json:"user_id"`
	Status           string `json:"status"`
	DeliveredByClerk bool   `json:"delivered_by_clerk"`
}

// SMS is the data of sms.created. Its message holds one-time codes and is blanked on the stream.
type SMS struct {
	ID               string `json:"id"`
	Slug             string `json:"slug"`
	FromPhoneNumber  string `json:"from_phone_number"`
	ToPhoneNumber    string `json:"to_phone_number"`
	PhoneNumberID    string `json:"phone_number_id"`
	UserID           string `json:"user_id"`
	Status           string `json:"status"`
	DeliveredByClerk bool   `json:"delivered_by_clerk"`
	CreatedAt        Time   `json:"created_at"`
	// CreatedAtMS is the name in Clerk's schema, CreatedAt the one in its example; reading a payload moves it there.
	CreatedAtMS Time `json:"created_at_ms"`
}

func (s *SMS) normalize(*Event) {
	if s.CreatedAt == 0 {
		s.CreatedAt = s.CreatedAtMS
	}
}
