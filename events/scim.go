package events

// SCIMDirectory is how an identity provider provisions users, as the Backend API shows it. No webhook tells of it, and no read model has it. Its api_key,
// which Clerk shows only when it is made, is a credential and never on the stream.
type SCIMDirectory struct {
	ID                      string `json:"id"`
	Name                    string `json:"name"`
	EnterpriseConnectionID  string `json:"enterprise_connection_id"`
	EndpointURL             string `json:"endpoint_url"`
	Provider                string `json:"provider"`
	Enabled                 bool   `json:"enabled"`
	GroupRoleMappingEnabled bool   `json:"group_role_mapping_enabled"`
	AttributeMapping        JSON   `json:"attribute_mapping"`
	CustomAttributes        JSON   `json:"custom_attributes"`
	CreatedAt               Time   `json:"created_at"`
	UpdatedAt               Time   `json:"updated_at"`
}
