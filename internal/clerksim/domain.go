package clerksim

import "fmt"

type domain struct {
	stamp
	org                    *organization
	name, mode             string
	affiliationEmail       string
	affiliation, ownership object
	invites, suggestions   int
	deprecated             bool // tells the affiliation by its old name only
}

func (d *domain) data(w *World) object {
	o := object{
		{"object", "organization_domain"}, {"id", d.id}, {"organization_id", d.org.id}, {"name", d.name}, {"enrollment_mode", d.mode},
		{"affiliation_email_address", text(d.affiliationEmail)},
	}
	if !d.deprecated {
		o.add("affiliation_verification", d.affiliation)
	}
	o = append(o, field{"ownership_verification", d.ownership}, field{"verification", d.affiliation})
	o = append(o, field{"total_pending_invitations", d.invites}, field{"total_pending_suggestions", d.suggestions})
	if !w.odd() {
		o.add("public_organization_data", d.org.publicData())
	}
	return append(o, field{"created_at", d.created}, field{"updated_at", d.updated})
}

func (d *domain) nudge(*World) {
	if d.mode == "automatic_invitation" {
		d.mode = "automatic_suggestion"
		return
	}
	d.mode = "automatic_invitation"
}

func (w *World) domainCheck(status, strategy string) object {
	o := object{{"status", status}, {"strategy", strategy}, {"attempts", 1}, {"expire_at", w.now + 600_000}}
	if status == "verified" {
		return append(o, field{"verified_at", w.now})
	}
	return append(o, field{"verified_at", nil})
}

func (w *World) addDomain() bool {
	o, ok := w.someOrganization()
	if !ok {
		return false
	}
	w.serial++
	d := &domain{
		stamp: stamp{id: w.id("orgdmn_")}, org: o, name: fmt.Sprintf("team-%d.example", w.serial), mode: "manual_invitation", deprecated: w.odd(),
	}
	w.revise("organizationDomain.created", d, func() {
		d.created = w.now
		if w.chance(0.5) {
			d.affiliationEmail = "admin@" + d.name
			d.affiliation = w.domainCheck("unverified", "affiliation_email_code")
		}
		o.domains = append(o.domains, d)
		w.domains.add(d)
	})
	return true
}

func (w *World) verifyDomain() bool {
	d, ok := w.domains.find(w.r, anyOne)
	if ok {
		w.revise("organizationDomain.updated", d, func() {
			d.mode = one(w.r, []string{"automatic_invitation", "automatic_suggestion", "enterprise_sso"})
			if w.chance(0.5) {
				d.ownership = w.domainCheck("verified", "txt")
			} else {
				d.affiliationEmail = "admin@" + d.name
				d.affiliation = w.domainCheck("verified", "affiliation_email_code")
			}
			d.suggestions = w.r.IntN(5)
		})
	}
	return ok
}

func (w *World) deleteDomain() bool {
	d, ok := w.domains.find(w.r, anyOne)
	if ok {
		w.end("organizationDomain.deleted", d.id, func() { w.domains.remove(d) }, func() object {
			return deletedObject("organization_domain", d.id)
		})
	}
	return ok
}
