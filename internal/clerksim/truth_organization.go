package clerksim

func (o *organization) row() Row {
	return Row{
		"name": o.name, "slug": text(o.slug), "image_url": text(o.image), "has_image": o.hasImage,
		"missing_member_with_elevated_permissions": o.noElevated, "max_allowed_memberships": int64(o.maxMembers),
		"admin_delete_enabled": o.adminDelete, "public_metadata": decoded(metadata(o.public)), "created_by": text(o.creator),
		"role_set_key": text(o.roleSet), "last_active_at": at(o.lastActive),
	}
}

func (m *membership) row() Row {
	row := Row{
		"organization_id": m.org.id, "user_id": m.user.id, "role": m.role, "role_name": m.roleName, "permissions": decoded(m.permissions),
		"public_metadata": decoded(metadata(m.public)),
	}
	if m.bare {
		row["role_name"] = nil
	}
	return row
}

func (i *invitation) row() Row {
	row := Row{
		"organization_id": i.org.id, "email_address": i.address, "role": i.role, "role_name": i.roleName, "status": i.status,
		"inviter_id": nil, "user_id": text(i.accepter), "public_metadata": decoded(metadata(i.public)), "expires_at": at(i.expires),
	}
	if i.inviter != nil {
		row["inviter_id"] = i.inviter.id
	}
	return row
}

func (d *domain) row() Row {
	return Row{
		"organization_id": d.org.id, "name": d.name, "enrollment_mode": d.mode, "affiliation_email_address": text(d.affiliationEmail),
		"affiliation_verification": decoded(d.affiliation), "ownership_verification": decoded(d.ownership),
	}
}

func (r *role) row(w *World) Row {
	return Row{
		"name": r.name, "key": r.key, "description": text(r.description), "is_creator_eligible": r.creatorEligible,
		"permissions": decoded(r.data(w).get("permissions")),
	}
}

func (p *permission) row() Row {
	return Row{"name": p.name, "key": p.key, "description": text(p.description), "type": p.kind}
}
