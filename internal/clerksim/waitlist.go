package clerksim

type waitlistEntry struct {
	stamp
	address, status string
	locked          bool
	camel           bool // names itself waitlistEntry, as the published examples do
	invitation      object
}

func (e *waitlistEntry) data(w *World) object {
	kind := "waitlist_entry"
	if e.camel && w.cfg.OddRate > 0 {
		kind = "waitlistEntry"
	}
	o := object{{"object", kind}, {"id", e.id}, {"email_address", e.address}, {"status", e.status}}
	if e.locked || !w.odd() {
		o.add("is_locked", e.locked)
	}
	o = append(o, field{"created_at", e.created}, field{"updated_at", e.updated})
	if e.invitation != nil || !w.odd() {
		o.add("invitation", e.invitation)
	}
	return o
}

func (e *waitlistEntry) nudge(*World) { e.locked = !e.locked }

func (e *waitlistEntry) open() bool { return e.status == "pending" || e.status == "invited" }

func (w *World) joinWaitlist() bool {
	e := &waitlistEntry{stamp: stamp{id: w.id("wle_")}, address: w.mailbox(), status: "pending", camel: w.odd()}
	w.revise("waitlistEntry.created", e, func() {
		e.created = w.now
		w.entries.add(e)
	})
	return true
}

// inviteFromWaitlist gives the entry an invitation whose url carries a ticket: whoever has it is in.
func (w *World) inviteFromWaitlist() bool {
	e, ok := w.entries.find(w.r, func(e *waitlistEntry) bool { return e.status == "pending" })
	if !ok {
		return false
	}
	w.revise("waitlistEntry.updated", e, func() {
		e.status = "invited"
		e.invitation = object{
			{"object", "invitation"}, {"id", w.id("inv_")}, {"email_address", e.address}, {"public_metadata", metadata(w.newMetadata(0.3))},
			{"revoked", false}, {"status", "pending"}, {"url", w.ticket()}, {"expires_at", w.now + 30*86_400_000}, {"created_at", w.now},
			{"updated_at", w.now},
		}
	})
	return true
}

func (w *World) finishWaitlist() bool {
	e, ok := w.entries.find(w.r, (*waitlistEntry).open)
	if !ok {
		return false
	}
	w.revise("waitlistEntry.updated", e, func() {
		e.status = "rejected"
		if e.invitation != nil {
			e.status = "completed"
			e.invitation = append(e.invitation.without("status", "url"), field{"status", "accepted"})
		}
	})
	return true
}

// ticket is a link that signs its bearer in.
func (w *World) ticket() string {
	return "https://accounts.northwind.example/v1/tickets/accept?ticket=" + w.id("") + "." + w.id("") + w.id("")
}
