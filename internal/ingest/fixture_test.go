package ingest_test

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Two secrets as Svix makes them: whsec_ and 24 bytes.
const (
	secretA = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	secretB = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
)

// userBody is a user.updated of the usual size.
var userBody = []byte(`{"data":{"backup_code_enabled":false,"banned":false,"create_organization_enabled":true,"created_at":1654012591514,"create_organizations_limit":null,"delete_self_enabled":true,"email_addresses":[{"created_at":1654012591515,"email_address":"ada@example.org","id":"idn_29w83yL7CwVlJXylYLxcslromF1","linked_to":[{"id":"idn_29w83yL7CwVlJXylYLxcslromF2","type":"oauth_google"}],"matches_sso_connection":false,"object":"email_address","reserved":false,"updated_at":1654012591520,"verification":{"attempts":1,"channel":null,"expire_at":1654013191514,"object":"verification_email_code","status":"verified","strategy":"email_code"}}],"enterprise_accounts":[],"external_accounts":[{"approved_scopes":"email https://www.googleapis.com/auth/userinfo.email openid profile","avatar_url":"https://images.example.org/ada","created_at":1654012591510,"email_address":"ada@example.org","email_address_verified":true,"external_account_id":"eac_29w83yL7CwVlJXylYLxcslromF3","family_name":"Lovelace","given_name":"Ada","google_id":"116111311561149","id":"idn_29w83yL7CwVlJXylYLxcslromF2","identification_id":"idn_29w83yL7CwVlJXylYLxcslromF2","label":null,"object":"google_account","picture":"https://images.example.org/ada","public_metadata":{},"updated_at":1654012591512,"username":"","verification":{"attempts":null,"channel":null,"expire_at":1654013191510,"object":"verification_oauth","status":"verified","strategy":"oauth_google"}}],"external_id":"567772","first_name":"Ada","has_image":true,"id":"user_29w83sxmDNGwOuEthce5gg56FcC","image_url":"https://img.example.org/xxxxxx","last_active_at":1654012591514,"last_name":"Lovelace","last_sign_in_at":1654012591514,"locked":false,"lockout_expires_in_seconds":null,"mfa_disabled_at":null,"mfa_enabled_at":null,"object":"user","passkeys":[],"password_enabled":false,"phone_numbers":[],"primary_email_address_id":"idn_29w83yL7CwVlJXylYLxcslromF1","primary_phone_number_id":null,"primary_web3_wallet_id":null,"profile_image_url":"https://www.example.org/avatar?d=mp","public_metadata":{"plan":"pro"},"saml_accounts":[],"totp_enabled":false,"two_factor_enabled":false,"unsafe_metadata":{"theme":"dark"},"updated_at":1654012824306,"username":null,"verification_attempts_remaining":100,"web3_wallets":[]},"event_attributes":{"http_request":{"client_ip":"192.0.2.7","user_agent":"Mozilla/5.0"}},"instance_id":"ins_2g7np7Hrk0SN6kj5EDMLDaKNL0S","object":"event","timestamp":1654012824306,"type":"user.updated"}`)

// await polls until done, for as long as a loaded machine may need.
func await(t testing.TB, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !done() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
