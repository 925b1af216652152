package events

// Organization is the data of organization.created and .updated; .deleted fills ID and Slug only.
type Organization struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Slug     string `json:"slug"`
	ImageURL string `json:"image_url"`
	HasImage bool   `json:"has_image"`

	// The counts move without an event of their own.
	MembersCount                         *int64 `json:"members_count"`
	PendingInvitationsCount              *int64 `json:"pending_invitations_count"`
	MissingMemberWithElevatedPermissions bool   `json:"missing_member_with_elevated_permissions"`
	MaxAllowedMemberships                *int64 `json:"max_allowed_memberships"`

	AdminDeleteEnabled bool   `json:"admin_delete_enabled"`
	PublicMetadata     JSON   `json:"public_metadata"`
	PrivateMetadata    JSON   `json:"private_metadata"`
	CreatedBy          string `json:"created_by"`
	RoleSetKey         string `json:"role_set_key"`
	LastActiveAt       Time   `json:"last_active_at"`
	CreatedAt          Time   `json:"created_at"`
	UpdatedAt          Time   `json:"updated_at"`
}

// OrganizationMembership is the data of all three organizationMembership events; .deleted carries the full membership too.
type OrganizationMembership struct {
	ID       string `json:"id"`
	Role     string `json:"role"`
	RoleName string `json:"role_name"`
	// Permissions is a copy taken when the event was made; the roles tell what holds now.
	Permissions     JSON `json:"permissions"`
	PublicMetadata  JSON `json:"public_metadata"`
	PrivateMetadata JSON `json:"private_metadata"`
	Organization    struct {
		ID string `json:"id"`
	} `json:"organization"`
	PublicUserData struct {
		UserID string `json:"user_id"`
	} `json:"public_user_data"`
	CreatedAt Time `json:"created_at"`
	UpdatedAt Time `json:"updated_at"`
}

// OrganizationInvitation is the data of organizationInvitation.created, .accepted and .revoked. Its url is a credential and never on
// the stream.
type OrganizationInvitation struct {
	ID              string `json:"id"`
	OrganizationID  string `json:"organization_id"`
	EmailAddress    string `json:"email_address"`
	Role            string `json:"role"`
	RoleName        string `json:"role_name"`
	Status          string `json:"status"`
	InviterID       string `json:"inviter_id"`
	UserID          string `json:"user_id"`
	PublicMetadata  JSON   `json:"public_metadata"`
	PrivateMetadata JSON   `json:"private_metadata"`
	ExpiresAt       Time   `json:"expires_at"`
	CreatedAt       Time   `json:"created_at"`
	UpdatedAt       Time   `json:"updated_at"`
	// PublicOrganizationData names the organization where organization_id, which Clerk's schema leaves optional, is missing.
	PublicOrganizationData struct {
		ID string `json:"id"`
	} `json:"public_organization_data"`
}

func (i *OrganizationInvitation) normalize(e *Event) {
	if i.Status == "" {
		i.Status = statusOf(e.Verb, "pending")
	}
	if i.OrganizationID == "" {
		i.OrganizationID = i.PublicOrganizationData.ID
	}
	if i.OrganizationID == "" {
		i.OrganizationID = nestedOrganizationID(e)
	}
}

// nestedOrganizationID looks where Clerk's webhook schema puts public_organization_data: one level deeper than its JavaScript types do,
// in data.data. Nothing there is an error: most invitations name their organization themselves.
func nestedOrganizationID(e *Event) string {
	outer, err := Payload[struct {
		Data struct {
			PublicOrganizationData struct {
				ID string `json:"id"`
			} `json:"public_organization_data"`
		} `json:"data"`
	}](e)
	if err != nil {
		return ""
	}
	return outer.Data.PublicOrganizationData.ID
}

// statusOf is the status of an entity whose payload lacks one: the verb says it, but for created.
func statusOf(verb, created string) string {
	if verb == "created" {
		return created
	}
	return verb
}

// OrganizationDomain is the data of organizationDomain.created and .updated; .deleted fills ID only.
type OrganizationDomain struct {
	ID                      string `json:"id"`
	OrganizationID          string `json:"organization_id"`
	Name                    string `json:"name"`
	EnrollmentMode          string `json:"enrollment_mode"`
	AffiliationEmailAddress string `json:"affiliation_email_address"`
	AffiliationVerification JSON   `json:"affiliation_verification"`
	OwnershipVerification   JSON   `json:"ownership_verification"`
	// Verification is the older name of AffiliationVerification; reading a payload moves it there.
	Verification            JSON   `json:"verification"`
	TotalPendingInvitations *int64 `json:"total_pending_invitations"`
	TotalPendingSuggestions *int64 `json:"total_pending_suggestions"`
	CreatedAt               Time   `json:"created_at"`
	UpdatedAt               Time   `json:"updated_at"`
}

func (d *OrganizationDomain) normalize(*Event) {
	if len(d.AffiliationVerification) == 0 {
		d.AffiliationVerification = d.Verification
	}
}
