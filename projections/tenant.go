package projections

// CurrentOrg and CurrentUser are the identity that row level security goes by, as a Tenant condition says it: two settings of the transaction, set
// with SET LOCAL only. After one SET LOCAL an unset setting reads as the empty string and not as NULL for the rest of the connection, hence nullif; unset
// means no rows. The subselect makes Postgres read a setting once per query instead of once per row.
const (
	CurrentOrg  = `(select nullif(current_setting('clerk.org_id', true), ''))`
	CurrentUser = `(select nullif(current_setting('clerk.user_id', true), ''))`
)

const (
	// byPayer shows what the active organization or the user pays for.
	byPayer = `organization_id = ` + CurrentOrg + ` or user_id = ` + CurrentUser
	// byAnyone shows what every identity of the instance may see.
	byAnyone = `coalesce(` + CurrentOrg + `, ` + CurrentUser + `) is not null`
)

// DeletedParent is a Hide condition: it hides a row whose parent is deleted. Clerk does not promise an event for every child of what it deletes, so the cascade is
// derived at reading and never written: that keeps every row under its one owner.
func DeletedParent(readModel, column string) string {
	return `exists (select from {tables}.` + quote(readModel) + ` p where p.id = t.` + quote(column) + ` and p.deleted)`
}
