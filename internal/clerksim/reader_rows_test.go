package clerksim

import "strings"

// columns takes fields by kind: text, flag, time, JSON and number.
func columns(d map[string]any, kinds map[string]string) Row {
	row := Row{}
	for kind, names := range kinds {
		for name := range strings.FieldsSeq(names) {
			switch kind {
			case "text":
				row[name] = nullable(d[name])
			case "flag":
				row[name] = flag(d[name])
			case "time":
				row[name] = moment(d[name])
			case "json":
				row[name] = safe(d[name])
			case "array":
				row[name] = array(d[name])
			case "meta":
				row[name] = meta(d[name])
			case "int":
				row[name] = number(d[name])
			}
		}
	}
	return row
}

func (f *fact) row() (string, Row) {
	d := f.data
	switch f.object {
	case "user":
		return "users", f.userRow()
	case "organization":
		return "organizations", columns(d, map[string]string{"text": "name slug image_url created_by role_set_key",
			"flag": "has_image missing_member_with_elevated_permissions admin_delete_enabled", "int": "max_allowed_memberships",
			"meta": "public_metadata", "time": "last_active_at"})
	case "organizationMembership":
		row := columns(d, map[string]string{"text": "role role_name", "array": "permissions", "meta": "public_metadata"})
		row["organization_id"], row["user_id"] = sub(d["organization"])["id"], sub(d["public_user_data"])["user_id"]
		return "organization_memberships", row
	case "organizationInvitation":
		row := columns(d, map[string]string{"text": "organization_id email_address role role_name status inviter_id user_id",
			"meta": "public_metadata", "time": "expires_at"})
		f.statusFromVerb(row, "pending")
		return "organization_invitations", row
	case "organizationDomain":
		row := columns(d, map[string]string{"text": "organization_id name enrollment_mode affiliation_email_address", "json": "ownership_verification"})
		row["affiliation_verification"] = d["verification"]
		if v, ok := d["affiliation_verification"]; ok {
			row["affiliation_verification"] = v
		}
		return "organization_domains", row
	case "role":
		return "roles", columns(d, map[string]string{"text": "name key description", "flag": "is_creator_eligible", "array": "permissions"})
	case "permission":
		return "permissions", columns(d, map[string]string{"text": "name key description type"})
	case "session":
		row := columns(d, map[string]string{"text": "user_id client_id status last_active_organization_id", "json": "actor latest_activity",
			"time": "last_active_at expire_at abandon_at"})
		f.statusFromVerb(row, "active")
		return "sessions", row
	}
	return f.otherRow()
}

func (f *fact) otherRow() (string, Row) {
	d := f.data
	payer := func(row Row) Row {
		row["user_id"], row["organization_id"] = nullable(sub(d["payer"])["user_id"]), nullable(sub(d["payer"])["organization_id"])
		return row
	}
	switch f.object {
	case "waitlistEntry":
		row := columns(d, map[string]string{"text": "email_address status", "flag": "is_locked", "json": "invitation"})
		if i := sub(row["invitation"]); i["url"] != nil {
			i["url"] = nil
		}
		return "waitlist_entries", row
	case "subscription":
		return "subscriptions", payer(columns(d, map[string]string{"text": "status payer_id payment_source_id latest_payment_id",
			"time": "active_at canceled_at ended_at past_due_at"}))
	case "subscriptionItem":
		return "subscription_items", payer(columns(d, map[string]string{"text": "subscription_id status plan_id interval", "flag": "is_free_trial",
			"json": "plan seats", "time": "period_start period_end"}))
	case "paymentAttempt":
		row := payer(columns(d, map[string]string{"text": "payment_id statement_id invoice_id gateway_external_id status charge_type",
			"time": "billing_date paid_at failed_at", "json": "failed_reason totals payment_source payee", "array": "subscription_items"}))
		if row["charge_type"] == nil {
			row["charge_type"] = d["type"]
		}
		return "payment_attempts", row
	}
	return "", nil
}

func (f *fact) statusFromVerb(row Row, first string) {
	switch {
	case row["status"] != nil:
	case f.verb == "created":
		row["status"] = first
	default:
		row["status"] = f.verb
	}
}

func (f *fact) userRow() Row {
	d := f.data
	row := columns(d, map[string]string{"text": "external_id username first_name last_name image_url",
		"flag":  "banned locked deprovisioned password_enabled two_factor_enabled",
		"array": "email_addresses phone_numbers external_accounts enterprise_accounts", "meta": "public_metadata unsafe_metadata",
		"time": "last_sign_in_at last_active_at"})
	if len(list(d["enterprise_accounts"])) == 0 {
		row["enterprise_accounts"] = array(d["saml_accounts"])
	}
	row["primary_email"], row["primary_email_verified"], row["primary_phone"] = nil, false, nil
	for _, e := range list(d["email_addresses"]) {
		if e := sub(e); e["id"] == d["primary_email_address_id"] {
			row["primary_email"], row["primary_email_verified"] = e["email_address"], verified(e)
		}
	}
	for _, p := range list(d["phone_numbers"]) {
		if p := sub(p); p["id"] == d["primary_phone_number_id"] {
			row["primary_phone"] = p["phone_number"]
		}
	}
	return row
}

func verified(contact map[string]any) bool {
	return sub(contact["verification"])["status"] == "verified"
}

func (f *fact) identifiers() map[string]Row {
	rows, d := map[string]Row{}, f.data
	add := func(kind, value string, ok bool) {
		if value == "" {
			return
		}
		key := f.id + "|" + kind + "|" + value
		if before := rows[key]; before != nil && before["verified"].(bool) {
			ok = true
		}
		rows[key] = Row{"user_id": f.id, "kind": kind, "value": value, "verified": ok}
	}
	contacts := func(field, key, kind string) {
		for _, x := range list(d[field]) {
			value := str(sub(x)[key])
			if kind == "email" {
				value = strings.ToLower(value)
			}
			add(kind, value, verified(sub(x)))
		}
	}
	contacts("email_addresses", "email_address", "email")
	contacts("phone_numbers", "phone_number", "phone")
	contacts("web3_wallets", "web3_wallet", "web3_wallet")
	for _, field := range []string{"external_accounts", "enterprise_accounts", "saml_accounts"} {
		for _, x := range list(d[field]) {
			a := sub(x)
			provider, subject := str(a["provider"]), str(a["provider_user_id"])
			if _, ok := a["provider_user_id"]; !ok && a["object"] == "google_account" {
				provider, subject = "oauth_google", str(a["google_id"])
			}
			add(provider, subject, verified(a))
		}
	}
	add("username", str(d["username"]), true)
	add("external_id", str(d["external_id"]), true)
	return rows
}
