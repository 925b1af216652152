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
}
