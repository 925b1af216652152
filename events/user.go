package events

// User is the data of user.created and user.updated; user.deleted fills ID and ExternalID only. Source of every field here and in
// the other payloads: Clerk's webhook schemas (clerk/openapi-specs, webhooks/2025-04-15.yml) and its JavaScript types.
type User struct {
	ID         string `json:"id"`
	ExternalID string `json:"external_id"`
	Username   string `json:"username"`
	FirstName  string `json:"first_name"`
	LastName   string `json:"last_name"`
	Locale     string `json:"locale"`
	ImageURL   string `json:"image_url"`
	HasImage   bool   `json:"has_image"`

	// The primary ids point into the lists below; the primary one is not always the first.
	PrimaryEmailAddressID string                  `json:"primary_email_address_id"`
	PrimaryPhoneNumberID  string                  `json:"primary_phone_number_id"`
	PrimaryWeb3WalletID   string                  `json:"primary_web3_wallet_id"`
	EmailAddresses        List[EmailAddress]      `json:"email_addresses"`
	PhoneNumbers          List[PhoneNumber]       `json:"phone_numbers"`
	Web3Wallets           []Web3Wallet            `json:"web3_wallets"`
	Passkeys              JSON                    `json:"passkeys"`
	ExternalAccounts      List[ExternalAccount]   `json:"external_accounts"`
	EnterpriseAccounts    List[EnterpriseAccount] `json:"enterprise_accounts"`
	// SAMLAccounts is the older name of EnterpriseAccounts; reading a payload moves it there.
	SAMLAccounts List[EnterpriseAccount] `json:"saml_accounts"`

	PasswordEnabled       bool `json:"password_enabled"`
	TwoFactorEnabled      bool `json:"two_factor_enabled"`
	TOTPEnabled           bool `json:"totp_enabled"`
	BackupCodeEnabled     bool `json:"backup_code_enabled"`
	PasswordLastUpdatedAt Time `json:"password_last_updated_at"`
	MFAEnabledAt          Time `json:"mfa_enabled_at"`
	MFADisabledAt         Time `json:"mfa_disabled_at"`

	// Banned, Locked and Deprovisioned are the only trace of a ban, a lock or an IdP's removal: no event of its own tells them.
	Banned        bool `json:"banned"`
	Locked        bool `json:"locked"`
	Deprovisioned bool `json:"deprovisioned"`

	PublicMetadata  JSON `json:"public_metadata"`
	PrivateMetadata JSON `json:"private_metadata"`
	// UnsafeMetadata is writable by the user: never authorise on it.
	UnsafeMetadata JSON `json:"unsafe_metadata"`
	SCIM           JSON `json:"scim"`

	DeleteSelfEnabled         bool `json:"delete_self_enabled"`
	CreateOrganizationEnabled bool `json:"create_organization_enabled"`
	BypassClientTrust         bool `json:"bypass_client_trust"`

	// LastActiveAt has the precision of a day.
	LastActiveAt    Time `json:"last_active_at"`
	LastSignInAt    Time `json:"last_sign_in_at"`
	LegalAcceptedAt Time `json:"legal_accepted_at"`
	CreatedAt       Time `json:"created_at"`
	UpdatedAt       Time `json:"updated_at"`
}

func (u *User) normalize(*Event) {
	if len(u.EnterpriseAccounts.Items) == 0 {
		u.EnterpriseAccounts = u.SAMLAccounts
	}
	for i := range u.ExternalAccounts.Items {
		u.ExternalAccounts.Items[i].normalize()
	}
}

// PrimaryEmail is the address that PrimaryEmailAddressID names, or nil: e-mail is optional at Clerk.
func (u *User) PrimaryEmail() *EmailAddress {
	for i := range u.EmailAddresses.Items {
		if e := &u.EmailAddresses.Items[i]; e.ID != "" && e.ID == u.PrimaryEmailAddressID {
			return e
		}
	}
	return nil
}

// PrimaryPhone is the number that PrimaryPhoneNumberID names, or nil.
func (u *User) PrimaryPhone() *PhoneNumber {
	for i := range u.PhoneNumbers.Items {
		if p := &u.PhoneNumbers.Items[i]; p.ID != "" && p.ID == u.PrimaryPhoneNumberID {
			return p
		}
	}
	return nil
}

// Verification is what the many kinds of verification have in common.
type Verification struct {
	Status   string `json:"status"`
	Strategy string `json:"strategy"`
}

// Verified reports whether v is a completed verification; a nil one is not.
func (v *Verification) Verified() bool { return v != nil && v.Status == "verified" }

// EmailAddress is one e-mail address of a user. Addresses are not unique over time: they move between users.
type EmailAddress struct {
	ID           string        `json:"id"`
	EmailAddress string        `json:"email_address"`
	Verification *Verification `json:"verification"`
}

// PhoneNumber is one phone number of a user, in E.164.
type PhoneNumber struct {
	ID           string        `json:"id"`
	PhoneNumber  string        `json:"phone_number"`
	Verification *Verification `json:"verification"`
}

// Web3Wallet is one wallet of a user.
type Web3Wallet struct {
	ID           string        `json:"id"`
	Web3Wallet   string        `json:"web3_wallet"`
	Verification *Verification `json:"verification"`
}

// ExternalAccount is a user's account at an OAuth provider.
type ExternalAccount struct {
	Object         string        `json:"object"`
	ID             string        `json:"id"`
	Provider       string        `json:"provider"`
	ProviderUserID string        `json:"provider_user_id"`
	GoogleID       string        `json:"google_id"`
	EmailAddress   string        `json:"email_address"`
	Verification   *Verification `json:"verification"`
}

// normalize lifts the legacy google_account, which has google_id in the place of provider_user_id.
func (a *ExternalAccount) normalize() {
	if a.ProviderUserID == "" {
		a.ProviderUserID = a.GoogleID
	}
	if a.Provider == "" && (a.GoogleID != "" || a.Object == "google_account") {
		a.Provider = "oauth_google"
	}
}

// EnterpriseAccount is a user's account at an enterprise identity provider, by SAML or OpenID Connect.
type EnterpriseAccount struct {
	ID             string        `json:"id"`
	Protocol       string        `json:"protocol"`
	Provider       string        `json:"provider"`
	Active         bool          `json:"active"`
	EmailAddress   string        `json:"email_address"`
	ProviderUserID string        `json:"provider_user_id"`
	Verification   *Verification `json:"verification"`
}
