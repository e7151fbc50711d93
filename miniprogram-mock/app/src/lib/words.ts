/** What states and codes are called on the screen, and in which tone. */
import { t } from './i18n';

type Tone = 'grey' | 'green' | 'amber' | 'blue' | 'red';
interface Word { text: string; tone: Tone }

function word(of: Record<string, [string, Tone]>, code: string): Word {
  const found = of[code];
  return found ? { text: t(found[0]), tone: found[1] } : { text: code, tone: 'grey' };
}

const TICKET: Record<string, [string, Tone]> = {
  submitted: ['待派单', 'amber'], assigned: ['待接单', 'amber'], accepted: ['已接单', 'blue'], on_site: ['维修中', 'blue'], quoted: ['待确认报价', 'amber'],
  approved: ['维修中', 'blue'], paused: ['已暂停', 'grey'], resolved: ['待您确认', 'amber'], closed: ['已完成', 'green'], cancelled: ['已取消', 'grey'],
};
const APPLICATION: Record<string, [string, Tone]> = {
  draft: ['草稿', 'grey'], submitted: ['待审核', 'amber'], in_review: ['审核中', 'blue'], returned: ['需补正', 'red'], verified: ['待复核', 'blue'],
  confirmed_tier: ['类别已确认', 'blue'], listed: ['待分配', 'blue'], offered: ['已录取，待确认', 'amber'], waiting: ['候补中', 'amber'], to_coordinate: ['统筹安排中', 'amber'],
  accepted: ['已确认入学', 'green'], enrolled: ['已报到', 'green'], ineligible: ['不符合条件', 'red'], objection: ['异议复查中', 'amber'], released: ['已放弃', 'grey'],
  withdrawn: ['已撤回', 'grey'], revoked: ['已取消资格', 'red'],
};
const SIGN_UP: Record<string, [string, Tone]> = {
  confirmed: ['已报名', 'green'], waitlisted: ['候补中', 'amber'], offered: ['有空位，待您确认', 'amber'], present: ['服务中', 'blue'], done: ['待结算', 'blue'],
  credited: ['已记时长', 'green'], cancelled: ['已取消', 'grey'], absent: ['缺席', 'red'], expired: ['候补已过期', 'grey'],
};
const BINDING: Record<string, [string, Tone]> = { pending: ['待核实', 'amber'], active: ['已认证', 'green'], ended: ['已解除', 'grey'], rejected: ['未通过', 'red'] };
const RELATION: Record<string, [string, Tone]> = { owner: ['业主', 'green'], family: ['家属', 'blue'], tenant: ['租户', 'blue'], carer: ['照护人', 'blue'] };
const ROUND: Record<string, [string, Tone]> = {
  draft: ['草拟中', 'grey'], published: ['已公布', 'blue'], open: ['登记中', 'green'], closed: ['审核中', 'blue'], listed: ['名单公示', 'blue'], allocated: ['已分配', 'blue'], announced: ['已公布结果', 'green'], finished: ['已结束', 'grey'],
};
const ROLES: Record<string, string> = {
  platform_admin: '平台管理员', community_admin: '社区管理员', grid_worker: '网格员', property_manager: '物业经理', dispatcher: '派单员', repair_worker: '维修师傅', enrolment_admin: '入学管理员',
  enrolment_reviewer: '入学审核员', volunteer_leader: '志愿队长', merchant: '商户', street_officer: '街道干部', department_officer: '部门干部', auditor: '审计员',
};
const EVENTS: Record<string, string> = {
  'repair_ticket.submitted': '已提交', 'repair_ticket.assigned': '已派给维修师傅', 'repair_ticket.grabbed': '师傅已抢单', 'repair_ticket.accepted': '师傅已接单', 'repair_ticket.declined': '师傅无法前来，重新派单',
  'repair_ticket.transferred': '已转派', 'repair_ticket.arrived': '师傅已到场', 'repair_ticket.quoted': '师傅已报价', 'repair_ticket.quote_approved': '报价已同意', 'repair_ticket.quote_refused': '报价未同意',
  'repair_ticket.paused': '暂停（如等配件）', 'repair_ticket.resumed': '继续维修', 'repair_ticket.resolved': '师傅报完工', 'repair_ticket.confirmed': '您已确认完工',
  'repair_ticket.reopened': '重新处理', 'repair_ticket.rated': '已评价', 'repair_ticket.urged': '已催办', 'repair_ticket.cancelled': '已取消', 'repair_ticket.merged': '已并入另一工单',
  'repair_ticket.remarked': '有补充说明',
  'repair_ticket.absorbed': '有同样的报修并入',
  'enrolment_application.created': '已建草稿', 'enrolment_application.updated': '已修改', 'enrolment_application.submitted': '已提交', 'enrolment_application.claimed': '审核员已受理', 'enrolment_application.returned': '退回补正',
  'enrolment_application.verified': '初审通过', 'enrolment_application.rechecked': '复核通过，类别已确认', 'enrolment_application.rejected': '审核未通过', 'enrolment_application.objected': '已提出异议',
  'enrolment_application.listed': '进入名单', 'enrolment_application.placed': '学位分配完成', 'enrolment_application.announced': '结果已公布', 'enrolment_application.promoted': '候补转录取', 'enrolment_application.coordinated': '已统筹安排',
  'enrolment_application.accepted': '已确认入学', 'enrolment_application.declined': '已放弃学位', 'enrolment_application.checked_in': '已报到', 'enrolment_application.withdrawn': '已撤回', 'enrolment_application.revoked': '已取消资格',
};
const MATTERS: Record<string, string> = { repair: '报修', volunteer: '志愿服务', enrolment: '入学登记', registry: '登记信息', elder: '助老服务' };
const TIES: Record<string, string> = { hukou: '户籍', residence: '居住', owner: '产权', tenant: '租住', family: '家属', carer: '照护人' };
const SWAP: Record<string, [string, Tone]> = { proposed: ['待对方答复', 'amber'], agreed: ['已换班', 'green'], refused: ['未同意', 'red'], withdrawn: ['已撤回', 'grey'], expired: ['已过期', 'grey'] };
const OCCUPANCY: Record<string, string> = { vacant: '空房', owner_occupied: '人在户在', owner_absent: '人在户不在', hukou_only: '户在人不在', rented: '租房', unknown: '待核' };

export const ticketWord = (state: string) => word(TICKET, state);
export const applicationWord = (state: string) => word(APPLICATION, state);
export const signUpWord = (state: string) => word(SIGN_UP, state);
export const bindingWord = (state: string) => word(BINDING, state);
export const relationWord = (relation: string) => word(RELATION, relation);
export const roundWord = (state: string) => word(ROUND, state);
export const swapWord = (state: string) => word(SWAP, state);
export const matterWord = (matter: string) => t(MATTERS[matter] ?? matter);
export const tieWord = (kind: string) => t(TIES[kind] ?? kind);
export const roleWord = (role: string) => t(ROLES[role] ?? role);
export const eventWord = (type: string) => t(EVENTS[type] ?? type);
export const occupancyWord = (code: string) => t(OCCUPANCY[code] ?? code);
export const occupancies = Object.keys(OCCUPANCY);

/** Where a ticket is: the home's name, and what was written beside it. */
export const whereabouts = (one: { home_label: string | null; place: string | null }) => [...new Set([one.home_label, one.place])].filter(Boolean).join(' · ');
/** `¥80.00` */
export const yuan = (fen: number) => `¥${(fen / 100).toFixed(2)}`;
/** `2.5` */
export const hours = (minutes: number) => String(Math.round(minutes / 6) / 10);
