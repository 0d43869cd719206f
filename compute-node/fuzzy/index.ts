/** Fuzzy sets: from indicator values to degrees of membership. */
export {
  degreeOf,
  faultOfMembership,
  fillDegrees,
  findMembership,
  MEMBERSHIP_TYPES,
  MEMBERSHIPS,
  type MembershipDeclaration,
  type MembershipFunction,
  type MembershipType,
} from "./membership.ts";
