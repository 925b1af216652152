package events

// EnterpriseConnection is an SSO connection as the Backend API shows it. No webhook tells of it.
type EnterpriseConnection struct {
	ID                               string `json:"id"`
	Name                             string `json:"name"`
	OrganizationID                   string `json:"organization_id"`
	Active                           bool   `json:"active"`
	Provider                         string `json:"provider"`
	Protocol                         string `json:"protocol"`
	Domains                          JSON   `json:"domains"`
	SyncUserAttributes               bool   `json:"sync_user_attributes"`
	AllowSubdomains                  bool   `json:"allow_subdomains"`
	DisableAdditionalIdentifications bool   `json:"disable_additional_identifications"`
	CreatedAt                        Time   `json:"created_at"`
	UpdatedAt                        Time   `json:"updated_at"`
	// SAMLConnection and OAuthConfig are where newer versions of the API say what Protocol and AllowSubdomains are; reading a payload moves it there.
	SAMLConnection struct {
		ID              string `json:"id"`
		AllowSubdomains bool   `json:"allow_subdomains"`
	} `json:"saml_connection"`
	OAuthConfig struct {
		ID string `json:"id"`
	} `json:"oauth_config"`
}

func (c *EnterpriseConnection) normalize(*Event) {
	c.AllowSubdomains = c.AllowSubdomains || c.SAMLConnection.AllowSubdomains
	switch {
	case c.Protocol != "":
	case c.SAMLConnection.ID != "":
		c.Protocol = "saml"
	case c.OAuthConfig.ID != "":
		c.Protocol = "oauth"
	}
}
