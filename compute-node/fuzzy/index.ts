/** Fuzzy sets: from indicator values to degrees of membership. */
export {
  degreeOf,
  faultOfMembership,
  fillDegrees,
  findMembership,
  MEMBERSHIP_TYPES,
  type MembershipFunction,
} from "./membership.ts";
