import{n as e}from"./rolldown-runtime.js";import{C as t,E as n,S as r,T as i,_ as a,a as o,b as s,c,d as l,f as u,g as d,h as f,i as p,l as m,m as h,n as g,o as _,p as v,r as y,s as b,t as ee,u as te,v as ne,w as re,x as ie,y as ae}from"./vendor.js";var x=e(n(),1),oe=i();function se(e){let t=Number(e);return Number.isSafeInteger(t)||!/^-?\d+$/.test(e)?t:BigInt(e)}function S(e){return/\d{16}/.test(e)?o(e,null,se):JSON.parse(e)}function ce(e,t){return p(e,null,t)??`null`}function C(e){return typeof e==`object`&&!!e&&!Array.isArray(e)}var le=[`fixed`,`increment`,`decrement`,`randomize`,`increment-wrap`],ue=e=>le.includes(e),de=class e{specs;constructor(e){this.specs=new Map(Array.from(e,e=>[e.class,e]))}static read(t){let n=[],r=[];for(let[e,i]of Object.entries(C(t)?t:{}))C(i)?n.push(pe(e,i)):r.push(e);return{catalog:new e(n),broken:r}}spec(e){return this.specs.get(e)}},w=(e,t=``)=>typeof e==`string`?e:t,fe=e=>Array.isArray(e)?e:[];function pe(e,t){let n=ge(C(t.input)?t.input:{},C(t.input_order)?t.input_order:{}),r=fe(t.output_name),i=fe(t.output_tooltips),a=fe(t.output_is_list);return{class:e,title:w(t.display_name,e)||e,category:w(t.category),description:w(t.description),module:w(t.python_module),inputs:n,outputs:fe(t.output).map((e,t)=>({type:Array.isArray(e)?`COMBO`:e===me?`*`:w(e,`*`),name:w(r[t])||(Array.isArray(e)?`COMBO`:w(e)),isList:a[t]===!0,tooltip:w(i[t])})),output:t.output_node===!0,deprecated:t.deprecated===!0,experimental:t.experimental===!0,aliases:fe(t.search_aliases).filter(e=>typeof e==`string`),changes:n.some(e=>e.dynamic!==null)}}var me=`COMFY_MATCHTYPE_V3`,he=1e3;function ge(e,t){return[`required`,`optional`].flatMap(n=>{let r=C(e[n])?e[n]:{},i=fe(t[n]).filter(e=>typeof e==`string`&&e in r);return[...i,...Object.keys(r).filter(e=>!i.includes(e))].map(e=>ve(e,r[e],n===`required`))})}function _e(e,t){if(e===`COMFY_DYNAMICCOMBO_V3`)return{kind:`options`,options:fe(t.options).flatMap(e=>C(e)&&typeof e.key==`string`?[{key:e.key,inputs:ge(C(e.inputs)?e.inputs:{},{})}]:[])};if(e!==`COMFY_AUTOGROW_V3`||!C(t.template))return null;let{template:n}=t,[r]=ge(C(n.input)?n.input:{},{});if(!r||r.dynamic)return null;let i=fe(n.names).filter(e=>typeof e==`string`),a=Math.min(Number(n.max??100)||0,he),o=typeof n.prefix==`string`?Array.from({length:a},(e,t)=>`${String(n.prefix)}${t}`):[];return{kind:`grow`,names:i.length?i.slice(0,he):o,min:Math.min(Number(n.min??0)||0,he),each:{...r,widget:null}}}function ve(e,t,n){let[r,i]=Array.isArray(t)?t:[t??`*`],a=C(i)?i:{},o=_e(r,a),s=r===me?C(a.template)&&w(a.template.allowed_types)||`*`:null;return{name:e,label:w(a.display_name)||e,type:Array.isArray(r)?`COMBO`:s??w(r,`*`),required:n,widget:a.forceInput===!0||o?.kind===`grow`?null:o?{kind:`combo`,options:o.options.map(e=>e.key),default:a.default,upload:null,folder:`input`,control:null,multiselect:!1}:xe(e,r??`*`,a),tooltip:w(a.tooltip),advanced:a.advanced===!0,socketless:a.socketless===!0,dynamic:o}}function ye(e,t){return typeof e==`number`||typeof e==`bigint`?e:t}function be(e,t){let n=t.control_after_generate;return ue(n)?n:n===!0||typeof n==`string`||n===void 0&&(e===`seed`||e===`noise_seed`)?`randomize`:null}function xe(e,t,n){let r=Array.isArray(t)?`COMBO`:w(n.widgetType)||t;switch(r){case`INT`:case`FLOAT`:{let t=r===`INT`,i=Number(ye(n.step,t?1:.1)),a=n.display===`slider`||n.display===`color`?n.display:`number`;return{kind:t?`int`:`float`,default:ye(n.default,0),min:ye(n.min,t?0:-1/0),max:ye(n.max,t?2048:1/0),step:i>0?i:1,round:typeof n.round==`number`?n.round:null,control:t?be(e,n):n.control_after_generate?be(``,n):null,display:a}}case`BOOLEAN`:return{kind:`boolean`,default:n.default===!0,on:w(n.label_on,`on`),off:w(n.label_off,`off`)};case`STRING`:case`MARKDOWN`:case`TEXTAREA`:return{kind:`string`,default:w(n.default),multiline:n.multiline===!0||r!==`STRING`,dynamic:n.dynamicPrompts===!0,placeholder:w(n.placeholder),markdown:r===`MARKDOWN`};case`COLOR`:return{kind:`color`,default:w(n.default,`#ffffff`)};case`COMBO`:{let e=Array.isArray(t)?t:fe(n.options),r=w(n.image_folder,`input`);return{kind:`combo`,options:e,default:n.default,upload:n.image_upload===!0||n.animated_image_upload===!0?`image`:n.video_upload===!0?`video`:n.audio_upload===!0?`audio`:null,folder:r===`output`||r===`temp`?r:`input`,control:n.control_after_generate?be(``,n):null,multiselect:n.multiselect===!0||C(n.multi_select)}}case`CURVE`:return{kind:`drawn`,what:`curve`,default:n.default??{points:[[0,0],[1,1]],interpolation:`monotone_cubic`}};case`BOUNDING_BOX`:return{kind:`drawn`,what:`box`,default:n.default??{x:0,y:0,width:512,height:512}};case`BOUNDING_BOXES`:case`COLORS`:return{kind:`drawn`,what:`json`,default:n.default??[]};default:return null}}var T={Active:0,Muted:2,Bypassed:4},Se=class extends Error{problems;constructor(e){super(e.join(`
`)),this.problems=e,this.name=`DocumentError`}},Ce=(e,t=``)=>({id:e,name:t,nodes:new Map,links:new Map,reroutes:new Map,groups:[],inputs:[],outputs:[],rest:{}}),we=()=>({layers:new Map([[``,{...Ce(``),rest:{id:crypto.randomUUID(),revision:0,config:{},extra:{}}}]]),version:.4});function E(e,t){let n=e.layers.get(t);if(!n)throw new Se([`there is no subgraph \`${t}\``]);return n}var D=e=>String(e.id),O=e=>e.inputs??[],k=e=>e.outputs??[];function A(e){return typeof e==`string`?e===``?`*`:e:Array.isArray(e)?`COMBO`:`*`}function Te(e){return e===``||e===`*`}function j(e,t){if(e===t||Te(e)||Te(t))return!0;let n=e=>e.toLowerCase().split(`,`).map(e=>e.trim()),r=n(t);return n(e).some(e=>e===`*`||r.includes(e))||r.includes(`*`)}function Ee(e,t){if(t.type!==``&&e.layers.has(t.type))return`subgraph`;switch(t.type){case`Reroute`:return`reroute`;case`PrimitiveNode`:return`primitive`;case`Note`:case`MarkdownNote`:return`note`;case`SetNode`:return`set`;case`GetNode`:return`get`;default:return/^workflow[>/]/.test(t.type)?`group`:`real`}}function De(e){return e.inputs.flatMap(e=>e.widget?[{input:e,widget:e.widget}]:[])}function Oe(e){return e.kind===`int`||e.kind===`float`||e.kind===`combo`?e.control:null}function ke(e,t){return e.kind===`string`||e.kind===`color`||e.kind===`combo`&&e.options.includes(t)}function Ae(e,t){let n=De(e),r=0;return n.map(({input:e,widget:i},a)=>{if(r>=t.length)return{input:e,widget:i,value:-1,control:-1};let o=r++,s=t[r];if(!ue(s))return{input:e,widget:i,value:o,control:-1};let c=n[a+1],l=(i.kind===`int`||i.kind===`float`||i.kind===`combo`)&&c!==void 0&&!ke(c.widget,s);if(!Oe(i)&&!l)return{input:e,widget:i,value:o,control:-1};let u=r++;return i.kind===`combo`&&typeof t[r]==`string`&&t.length-r>n.length-a-1&&r++,{input:e,widget:i,value:o,control:u}})}function je(e){return e.kind===`combo`?e.default??e.options[0]:e.default}var Me=e=>Array.isArray(e.widgets_values)?e.widgets_values:[];function Ne(e){return C(e.widgets_values)?e.widgets_values:C(e.widgets_values_named)?e.widgets_values_named:void 0}function Pe(e,t){let n=Me(e),r=Ne(e);return Ae(t,n).map(e=>{let t=n[e.value]??r?.[e.input.name],i=n[e.control],a=Oe(e.widget);return{...e,current:t??je(e.widget),mode:ue(i)?i:a&&(n.length?`fixed`:a)}})}function Fe(e,t,n){let r=[],i=null;for(let{input:a,widget:o}of De(e)){r.push(t(a,o)??je(o)??null);let e=Oe(o);e&&(r.push(n(a,e)),o.kind===`combo`&&r.push(``)),o.kind===`combo`&&(i??=o.upload)}return i&&r.push(i),r}var Ie=(e,t,n)=>e.map((e,r)=>r===t?n:e);function Le(e,t,n,r,i=`value`){let a=e.widgets_values_named,o=a&&i===`value`?{...e,widgets_values_named:{...a,[n]:r}}:e;if(C(e.widgets_values)){let t=i===`value`?n:`control_after_generate`;return{...o,widgets_values:{...e.widgets_values,[t]:r}}}let s=Me(e),c=Ae(t,s).find(e=>e.input.name===n);if(c&&c[i]>=0)return{...o,widgets_values:Ie(s,c[i],r)};let l=new Map(Pe(e,t).map(e=>[e.input.name,e])),u=Fe(t,e=>l.get(e.name)?.current,(e,t)=>l.get(e.name)?.mode??t),d=Ae(t,u).find(e=>e.input.name===n)?.[i]??-1;return{...o,widgets_values:d<0?u:Ie(u,d,r)}}function Re(e,t){let n=new Map,r=Ne(e);if(!t){for(let[e,t]of Object.entries(r??{}))ue(e)||e.startsWith(`control_`)||e===`upload`||t==null||n.set(e,t);return n}for(let{input:r,current:i}of Pe(e,t))i!=null&&n.set(r.name,i);for(let e of t.inputs){let t=e.widget?void 0:r?.[e.name];t!=null&&n.set(e.name,t)}return n}function ze(e){return e.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n\r\u2028\u2029]*/g,``)}function Be(e,t){let n=ze(e),r=[],i=new Map,a=new Map,o=[];for(let e=0;e<n.length;e++){let t=o.at(-1);n[e]===`\\`?e++:n[e]===`{`?(i.set(e,r.length),o.push(r.length),r.push({starts:[e+1],end:n.length})):t!==void 0&&(n[e]===`|`||n[e]===`}`)&&(a.set(e,t),n[e]===`|`?r[t].starts.push(e+1):(r[t].end=e+1,o.pop()))}let s=``,c=0,l=0;for(;l<n.length;){if(n[l]===`\\`){/[{|}]/.test(n[l+1]??``)&&(s+=n.slice(c,l),c=l+1),l=Math.min(l+2,n.length);continue}let e=r[(n[l]===`{`?i.get(l):a.get(l))??-1];if(!e){l++;continue}let o=n[l]===`{`?e.starts[Math.min(t(e.starts.length),e.starts.length-1)]??e.end:e.end;s+=n.slice(c,l),c=l=o}return s+n.slice(c)}function Ve(e){let t=``,n=` `;for(let r of e)/[{|}]/.test(r)&&n!==`\\`?t+=`\\${r}`:/[/*]/.test(r)&&n===`/`?t+=`{${r}}`:t+=r,n=r;return t}function He(e,t,n){if(!e.changes)return e;let r=[...e.inputs],i=[];for(let a=0;a<r.length;a++){let o=r[a],{dynamic:s,name:c}=o;if(!s)continue;let l=(e,t,n)=>({...e,name:`${c}.${t}`,label:e.label===e.name?t:e.label,required:o.required&&n&&e.required});if(s.kind===`options`){let n=t({...e,inputs:r,changes:!1},o),i=typeof n==`string`?n:s.options[0]?.key,c=s.options.find(e=>e.key===i)?.inputs??[];r.splice(a+1,0,...c.map(e=>l(e,e.name,!0)))}else{let e=s.names.findLastIndex(e=>n(`${c}.${e}`)),t=Math.min(Math.max(e+2,s.min,1),s.names.length);r.splice(a,1,...s.names.slice(0,t).map((e,t)=>l(s.each,e,t<s.min))),i.push(c),a+=t-1}}return{...e,inputs:r,changes:!1,groups:i}}var Ue=new WeakMap;function We(e,t){let n=e.spec(t.type);if(!n?.changes)return n;let r=Ue.get(t);if(r?.spec===n)return r.live;let i=Array.isArray(t.widgets_values)?t.widgets_values:[],a=Ne(t),o=new Set(O(t).flatMap(e=>e.link===null||e.link===void 0?[]:[e.name])),s=He(n,(e,{name:t})=>i[Ae(e,i).find(e=>e.input.name===t)?.value??-1]??a?.[t],e=>o.has(e));return Ue.set(t,{spec:n,live:s}),s}function Ge(e,t){return[...e.groups??[],...e.inputs.flatMap(e=>e.dynamic?[e.name]:[])].some(e=>t.startsWith(`${e}.`))&&!e.inputs.some(e=>e.name===t)}var Ke=64,qe=2e5,Je={kind:`nothing`},Ye=e=>e.mode!==T.Muted&&e.mode!==T.Bypassed;function Xe(e,t,n=e=>Math.floor(Math.random()*e)){return new rt(e,t,n).prompt()}function Ze(e,t){let n=e.inputs[t]?.linkIds??[];return n.length?n.flatMap(t=>e.links.get(t)??[]).filter(e=>e.origin===`-10`):[...e.links.values()].filter(e=>e.origin===`-10`&&e.originSlot===t).sort((e,t)=>e.id-t.id)}function Qe(e,t,n,r,i=0){for(let a of Ze(n,r)){let r=n.nodes.get(a.target),o=r&&O(r)[a.targetSlot];if(!r||!o)continue;if(Ee(e,r)===`subgraph`){let a=E(e,r.type),s=a.inputs.findIndex(e=>e.name===o.name);return(s>=0&&i<Ke?Qe(e,t,a,s,i+1):null)&&{node:r,input:o.name,layer:n}}let s=We(t,r);return o.widget!=null||s!==void 0&&De(s).some(e=>e.input.name===o.name)?{node:r,input:o.name,layer:n}:null}return null}function $e(e){let t=e.properties?.proxyWidgets;return Array.isArray(t)?t.flatMap(e=>{let t=Array.isArray(e)?e:[];return typeof t[0]==`string`&&typeof t[1]==`string`&&!t[1].startsWith(`$$`)?[[t[0],t[1]]]:[]}):null}var et=(e,t)=>`${e}\0${t}`,tt=e=>Array.isArray(e.widgets_values)?e.widgets_values:[];function nt(e){let t=tt(e),n=new Map;return($e(e)??[]).forEach(([e,r],i)=>{let a=t[i];a!=null&&n.set(et(e,r),a)}),n}var rt=class{doc;catalog;draw;sources=new Map;frames=new Map;promoted=new Map;kept=new Map;constructor(e,t,n){this.doc=e,this.catalog=t,this.draw=n}prompt(){let e=[],t=[];if(this.open({layer:E(this.doc,``),parent:null,prefix:``,proxied:new Map},e,t,0),t.length)throw new Se(t);let n={};for(let{frame:t,node:r}of e)n[t.prefix+D(r)]=this.node(t,r);return n}open(e,t,n,r){if(r>Ke)throw new Se([`subgraphs are nested more than ${Ke} deep`]);let i=e=>typeof e.order==`number`?e.order:1/0,a=[...e.layer.nodes.values()];e.parent||a.sort((e,t)=>i(e)===i(t)?0:i(e)-i(t));for(let i of a){if(!Ye(i))continue;let a=Ee(this.doc,i);if(a===`real`){if(t.push({frame:e,node:i})>qe)throw new Se([`the subgraphs hold more than ${qe} nodes`])}else if(a===`group`)n.push(`"${i.type}" is a group node of an older editor, which cannot run: turn it into a subgraph`);else if(a===`subgraph`){let a={layer:E(this.doc,i.type),parent:{frame:e,node:i},prefix:`${e.prefix}${D(i)}:`,proxied:nt(i)};this.frames.set(a.prefix,a),this.open(a,t,n,r+1)}}}node(e,t){let n=We(this.catalog,t),r=Re(t,n);if(n&&e.proxied.size)for(let{input:i}of De(n)){let n=e.proxied.get(et(D(t),i.name));n!==void 0&&r.set(i.name,n)}let i=new Set;for(let a of O(t)){if(a.link===null||a.link===void 0)continue;let t=n?.inputs.find(e=>e.name===a.name)?.type??A(a.type),o=this.follow(e,a.link,t);o.kind===`literal`&&r.set(a.name,o.value),o.kind===`output`&&(r.set(a.name,[o.id,o.slot]),i.add(a.name))}for(let{input:e,widget:t}of n?De(n):[]){let n=r.get(e.name);t.kind===`string`&&t.dynamic&&typeof n==`string`&&r.set(e.name,Be(n,this.draw))}let a={},o=t.title??n?.title;o!==void 0&&(a.title=o);for(let e of[`cnr_id`,`aux_id`,`ver`]){let n=t.properties?.[e];n!==void 0&&(a[e]=n)}let s=[...r].map(([e,t])=>[e,!i.has(e)&&(Array.isArray(t)||C(t)&&`__value__`in t)?{__value__:t}:t]);return{class_type:t.type,inputs:Object.fromEntries(s),...Object.keys(a).length?{_meta:a}:{}}}follow(e,t,n){let r=[],i={frame:e,link:t},a=Je;for(;;){let e=i.frame,t=i.link===null||i.link===void 0?void 0:e.layer.links.get(i.link);if(!t)break;let o;if(t.origin===`-10`&&e.parent)o=this.outside(e,t.originSlot);else{let i=e.layer.nodes.get(t.origin);if(!i)break;let s=`${e.prefix}${t.origin}\0${t.originSlot}\0${n}`,c=this.sources.get(s);if(c===`open`)throw new Se([`links go in a circle without passing a node that does anything, at ${i.title??i.type} ${t.origin}: remove one of them`]);if(c){a=c;break}this.sources.set(s,`open`),r.push(s),o=this.through(e,i,t.originSlot,n)}if(`kind`in o){a=o;break}i=o}for(let e of r)this.sources.set(e,a);return a}promotedOf(e){let t=this.promoted.get(e);return t||(t=e.inputs.map((t,n)=>Qe(this.doc,this.catalog,e,n)!==null),this.promoted.set(e,t)),t}outside(e,t){let n=e.layer.inputs[t];if(!n||!e.parent)return Je;let{node:r,frame:i}=e.parent,a=O(r).find(e=>e.name===n.name)?.link;if(a!=null)return{frame:i,link:a};let o=C(r.widgets_values)?r.widgets_values:r.widgets_values_named,s=i.proxied.get(et(D(r),n.name))??o?.[n.name]??e.proxied.get(et(`-1`,n.name))??this.byPosition(e.layer,r,t);return s==null?Je:{kind:`literal`,value:s}}byPosition(e,t,n){let r=this.promotedOf(e);if(r[n]&&!$e(t))return tt(t)[r.slice(0,n).filter(Boolean).length]}through(e,t,n,r){let i=Ee(this.doc,t);if(i===`primitive`){let e=tt(t)[0];return e===void 0?Je:{kind:`literal`,value:e}}if(t.mode===T.Muted||i===`note`)return Je;if(t.mode===T.Bypassed)return{frame:e,link:this.bypass(t,i,n,r)};if(i===`reroute`||i===`set`)return{frame:e,link:O(t)[0]?.link};if(i===`get`){let n=tt(t)[0],r=typeof n==`string`?this.keptIn(e.layer).get(n):void 0;return{frame:e,link:r&&O(r)[0]?.link}}if(i===`subgraph`){let r=this.frames.get(`${e.prefix}${D(t)}:`);if(!r)return Je;let i=r.layer.outputs,a=k(t)[n]?.name,o=a===void 0||i[n]?.name===a,s=i.findIndex(e=>e.name===a),c=o||s<0?n:s,l=[...r.layer.links.values()].filter(e=>e.target===`-20`&&e.targetSlot===c);return{frame:r,link:l.length?Math.max(...l.map(e=>e.id)):null}}return{kind:`output`,id:e.prefix+D(t),slot:n}}keptIn(e){let t=this.kept.get(e);if(!t){t=new Map;for(let n of e.nodes.values()){let e=n.type===`SetNode`?tt(n)[0]:void 0;typeof e==`string`&&t.set(e,n)}this.kept.set(e,t)}return t}bypass(e,t,n,r){let i=We(this.catalog,e),a=it(this.doc,e,t,i);if(Te(r))return(a[n]??a[0])?.link;let o=i?i.outputs[n]?.type:k(e)[n]&&A(k(e)[n]?.type),s=e=>j(e,o??`*`)&&j(e,r),c=a[n];return c&&s(c.type)?c.link:(a.find(e=>e.type===r)??a.find(e=>s(e.type)))?.link}};function it(e,t,n,r){let i=O(t),a=new Map;for(let e of i)a.set(e.name,e);let o=n===`subgraph`?E(e,t.type).inputs.map(e=>({name:e.name,type:A(e.type)})):r?[...r.inputs.filter(e=>!e.widget),...r.inputs.filter(e=>e.widget)]:[],s=new Set(o.map(e=>e.name));return[...o.map(e=>({type:e.type,link:a.get(e.name)?.link})),...i.filter(e=>!s.has(e.name)).map(e=>({type:A(e.type),link:e.link}))]}var at=(e,t)=>t.advanced&&e.showAdvanced!==!0&&t.socket?.linked!==!0,ot=(e,t)=>e.rows.filter(e=>at(t,e)).length,st=(e,t)=>ot(e,t)?{...e,rows:e.rows.filter(e=>!at(t,e))}:e,ct=e=>e!=null,lt={kind:`string`,default:``,multiline:!0,dynamic:!1,placeholder:`Write a note`,markdown:!1};function M(e,t,n,r){let i=Ee(e,n),a=i===`real`?We(r,n):void 0,o={kind:i,spec:a,missing:i===`real`&&!a},s=dt(e,n,i,a);switch(i){case`note`:return{...o,title:n.title??(n.type===`Note`?`Note`:`Markdown note`),inputs:[],outputs:[],rows:[ft(n)]};case`primitive`:return{...o,title:n.title??`Primitive`,inputs:[],outputs:s,rows:pt(e,t,n,r)};case`reroute`:return{...o,title:n.title??`Reroute`,inputs:ut(n,new Set),outputs:s,rows:[]};case`subgraph`:{let t=mt(e,n,r),i=new Set(t.map(e=>e.socket?.name).filter(e=>e!==void 0)),a=E(e,n.type),c=a.inputs.filter(e=>!i.has(e.name)).map(e=>{let t=O(n).find(t=>t.name===e.name)?.link;return{name:e.name,label:e.label??e.name,type:A(e.type),linked:ct(t),required:!1,isList:!1,tooltip:``}});return{...o,title:n.title??a.name,inputs:c,outputs:s,rows:t}}case`set`:case`get`:case`group`:return{...o,title:n.title??n.type,inputs:ut(n,new Set),outputs:s,rows:[]};case`real`:{if(!a)return{...o,title:n.title??n.type,inputs:ut(n,new Set),outputs:s,rows:[]};let e=new Map(O(n).map(e=>[e.name,e])),t=t=>{let n=e.get(t.name);return{name:t.name,label:n?.label??t.label,type:t.type,linked:ct(n?.link),required:t.required&&!t.widget,isList:!1,tooltip:t.tooltip}},r=Pe(n,a).map(({input:n,widget:r,current:i,mode:a})=>({key:n.name,label:e.get(n.name)?.label??n.label,widget:r,value:i,mode:a,socket:n.socketless?null:t(n),tooltip:n.tooltip,advanced:n.advanced})),i=new Set(a.inputs.map(e=>e.name)),c=O(n).filter(e=>!ct(e.link)&&Ge(a,e.name));for(let e of c)i.add(e.name);let l=[...a.inputs.filter(e=>!e.widget).map(t),...ut(n,i)];return{...o,title:n.title??a.title,inputs:l,outputs:s,rows:r}}}}function ut(e,t){return O(e).filter(e=>!t.has(e.name)).map(e=>({name:e.name,label:e.label??e.name,type:A(e.type),linked:ct(e.link),required:!1,isList:!1,tooltip:``}))}function dt(e,t,n,r){let i=k(t),a=e=>(i[e]?.links?.length??0)>0,o={required:!1,isList:!1,tooltip:``};if(n===`subgraph`)return E(e,t.type).outputs.map((e,t)=>({...o,name:e.name,label:e.label??e.name,type:A(e.type),linked:a(t)}));let s=r?.outputs.map((e,t)=>({...o,name:e.name,label:i[t]?.label??e.name,type:e.type,linked:a(t),isList:e.isList,tooltip:e.tooltip}))??[],c=i.slice(s.length).map((e,t)=>({...o,name:e.name,label:e.label??e.name,type:A(e.type),linked:a(s.length+t)}));return[...s,...c]}function ft(e){let t=e.widgets_values,n=Array.isArray(t)?t[0]:Object.values(Ne(e)??{})[0];return{key:`text`,label:`Text`,widget:{...lt,markdown:e.type===`MarkdownNote`},value:n??``,mode:null,socket:null,tooltip:``,advanced:!1}}function pt(e,t,n,r){for(let i of k(n)[0]?.links??[]){let a=t.links.get(i),o=a&&t.nodes.get(a.target),s=o&&O(o)[a.targetSlot];if(!o||!s)continue;let c=M(e,t,o,r).rows.find(e=>e.key===s.name);if(!c)continue;let l=Array.isArray(n.widgets_values)?n.widgets_values:[],u=c.widget.kind===`int`||c.widget.kind===`float`||c.widget.kind===`combo`?`fixed`:null;return[{...c,key:`value`,value:l[0]??c.value,mode:ue(l[1])?l[1]:u,socket:null,advanced:!1}]}return[]}function mt(e,t,n){let r=E(e,t.type),i=Array.isArray(t.widgets_values)?t.widgets_values:[],a=$e(t),o=[],s=(t,i)=>{let a=r.nodes.get(t);return a&&M(e,r,a,n).rows.find(e=>e.key===i)},c=0;return r.inputs.forEach((l,u)=>{let d=Qe(e,n,r,u);if(!d)return;let f=c++,p=s(D(d.node),d.input);if(!p)return;let m=a?.findIndex(([e,t])=>e===`-1`?t===l.name:e===D(d.node)&&t===d.input)??-1,h=Ne(t)?.[l.name]??(a?i[m]:i[f]),g=O(t).find(e=>e.name===l.name)?.link;o.push({...p,key:`in:${l.name}`,label:l.label??l.name,value:h??p.value,mode:null,advanced:!1,socket:{name:l.name,label:l.label??l.name,type:A(l.type),linked:ct(g),required:!1,isList:!1,tooltip:p.tooltip}})}),a?.forEach(([e,t],n)=>{let r=e===`-1`?void 0:s(e,t),a=r?.socket?.linked??!1;r&&!a&&o.push({...r,key:`proxy:${n}`,value:i[n]??r.value,mode:null,socket:null,advanced:!1})}),o}var ht=(e,t,n)=>{let r=Array.from({length:Math.max(e.length,t+1)},(t,n)=>e[n]??null);return r[t]=n,r};function gt(e,t,n,r,i,a=`value`){let o=Ee(e,t),s=Array.isArray(t.widgets_values)?t.widgets_values:[];if(o===`note`)return{...t,widgets_values:ht(s,0,i)};if(o===`primitive`)return{...t,widgets_values:ht(s,a===`value`?0:1,i)};if(o===`subgraph`){if(r.startsWith(`proxy:`))return{...t,widgets_values:ht(s,Number(r.slice(6)),i)};let a=r.slice(3),o=E(e,t.type),c=o.inputs.findIndex(e=>e.name===a),l=c<0?null:Qe(e,n,o,c);if(!l)return t;let u=t.widgets_values_named&&{widgets_values_named:{...t.widgets_values_named,[a]:i}},d=$e(t);if(d){let e=d.findIndex(([e,t])=>e===`-1`?t===a:e===D(l.node)&&t===l.input);return e>=0?{...t,...u,widgets_values:ht(s,e,i)}:{...t,widgets_values_named:{...t.widgets_values_named,[a]:i}}}let f=o.inputs.slice(0,c).filter((t,r)=>Qe(e,n,o,r)).length;return{...t,...u,widgets_values:ht(s,f,i)}}let c=We(n,t);return c?a===`value`&&c.inputs.some(e=>e.name===r&&e.dynamic)?_t(t,c,n,r,i):Le(t,c,r,i,a):t}function _t(e,t,n,r,i){let a=n.spec(e.type)??t,o=new Map(Pe(e,t).map(e=>[e.input.name,e])),s=new Map(O(e).map(e=>[e.name,e])),c=He(a,(e,{name:t})=>t===r?i:o.get(t)?.current,e=>ct(s.get(e)?.link)),l=e=>e===r?i:o.get(e)?.current,u=(e,t)=>{let n=o.get(e.name);return n?.widget.kind===t.kind&&(t.kind!==`combo`||e.name===r||t.options.includes(n.current??null))?l(e.name):void 0},d=Fe(c,u,(e,t)=>o.get(e.name)?.mode??t),f=new Set(c.inputs.map(e=>e.name)),p=e=>e.startsWith(`${r}.`),m=O(e).filter(e=>!p(e.name)||f.has(e.name)||ct(e.link)),h=c.inputs.filter(e=>p(e.name)&&!e.widget&&!s.has(e.name)).map(e=>({name:e.name,type:e.type,link:null})),g=e.widgets_values_named&&Object.fromEntries(De(c).map(({input:e,widget:t})=>[e.name,u(e,t)??je(t)??null]));return{...e,inputs:[...m,...h],widgets_values:d,...g?{widgets_values_named:g}:{}}}function vt(e,t,n,r=Math.random){if(n===`fixed`||t===void 0)return t;if(e.kind===`combo`){let i=e.options.findIndex(e=>e===t),a=e.options.length-1;return a<0?t:n===`randomize`?e.options[Math.floor(r()*(a+1))]:n===`increment-wrap`?e.options[i>=a?0:i+1]:e.options[Math.min(Math.max(i+(n===`increment`?1:-1),0),a)]}if(e.kind===`float`){let i=Math.max(Number(e.min),-1e6),a=Math.min(Number(e.max),1e6);return n===`randomize`?i+Math.round(r()*(a-i)/e.step)*e.step:Math.min(Math.max(Number(t)+(n===`decrement`?-e.step:e.step),i),a)}if(e.kind!==`int`)return t;let i=yt(e.min),a=yt(e.max);if(n===`randomize`)return bt(i+(BigInt(Math.floor(r()*2**32))<<32n|BigInt(Math.floor(r()*2**32)))%(a-i+1n));let o=yt(t)+(n===`decrement`?-1n:1n)*BigInt(Math.max(1,Math.round(e.step)));return bt(o<i?i:o>a?a:o)}function yt(e){if(typeof e==`bigint`)return e;let t=Math.round(Number(e));return Number.isFinite(t)?BigInt(t):0n}function bt(e){let t=Number(e);return Number.isSafeInteger(t)?t:e}var xt=6,St=176,Ct=160,wt=e=>e.widget.kind===`string`&&e.widget.multiline;function Tt(e,t,n){let r=Math.max(Math.round(t.size[0]),e.kind===`reroute`?80:Ct);if(t.flags?.collapsed===!0)return{width:Math.min(r,240),height:30,collapsed:!0,inputs:e.inputs.map(()=>15),outputs:e.outputs.map(()=>15),rows:e.rows.map(()=>({y:0,height:30})),preview:null};let i=Math.max(e.inputs.length,e.outputs.length),a=36+i*20+(i&&e.rows.length?2:0),o=e.rows.filter(wt).length,s=a+(e.rows.length-o)*24+o*68+xt,c=30+Math.round(t.size[1]),l=Math.max(0,c-s),u=n?Math.max(l,St):0,d=o&&!n?Math.floor(l/o):0,f=a,p=e.rows.map(e=>{let t=wt(e)?68+d:24;return f+=t,{y:f-t,height:t}}),m=Math.max(s+u,c),h=(e,t)=>36+t*20+10;return{width:r,height:m,collapsed:!1,inputs:e.inputs.map(h),outputs:e.outputs.map(h),rows:p,preview:n?{y:f+2,height:m-f-xt-2}:null}}function Et(e){let t=e.rows.filter(wt).length,n=e=>Math.max(0,...e.map(e=>e.label.length)),r=(n(e.inputs)+n(e.outputs))*7+56,i=e.rows.length?232:0,a=e.title.length*7.5+48,o=Math.ceil(Math.max(Ct,r,i,a,t?320:0)/8)*8;return[o,Tt(e,{id:0,type:``,pos:[0,0],size:[o,0]},!1).height-30+t*48]}function N(e,t){return{...e,layers:new Map(e.layers).set(t.id,t)}}function Dt(e,t,n){let r=E(e,t);return N(e,{...r,nodes:new Map(r.nodes).set(D(n),n)})}function P(e,t,n,r){let i=E(e,t),a=new Map(i.nodes);for(let e of n){let t=a.get(e);t&&a.set(e,r(t))}return N(e,{...i,nodes:a})}function Ot(e,t,n,r,i,a,o=`value`){let s=E(e,t).nodes.get(n);if(!s)return e;let c=gt(e,s,r,i,a,o),l=Dt(e,t,c);if(O(c)===O(s))return l;let u=new Set(We(r,c)?.inputs.map(e=>e.name)),d=O(c).flatMap(e=>e.link!=null&&e.name.startsWith(`${i}.`)&&!u.has(e.name)?[e.link]:[]),f=Et(st(M(l,E(l,t),c,r),c)),p=Dt(l,t,{...c,size:[Math.max(c.size[0],f[0]),Math.max(c.size[1],f[1])]});return N(p,Ft(E(p,t),d))}function kt(e){let t=0;for(let n of e.layers.values()){t=Math.max(t,Number(n.rest.last_node_id)||0);for(let e of n.nodes.keys())t=Math.max(t,Number(e)||0)}return t+1}function At(e){let t=Number(e.rest.last_link_id)||0;for(let n of e.links.keys())t=Math.max(t,n);return t+1}function jt(e,t,n,r,i=we()){let a=e.spec(t),o=a&&He(a,(e,t)=>t.widget?je(t.widget):void 0,()=>!1),s=t===``?void 0:i.layers.get(t),c=(e,t)=>({name:e,type:t,links:null}),l=[],u=[],d=[];s?(l=s.inputs.map(e=>({name:e.name,type:e.type,link:null})),u=s.outputs.map(e=>c(e.name,A(e.type)))):o?(l=o.inputs.filter(e=>!e.widget).map(e=>({name:e.name,type:e.type,link:null})),u=o.outputs.map(e=>c(e.name,e.type)),d=Fe(o,(e,t)=>je(t),(e,t)=>t)):t===`Reroute`?(l=[{name:``,type:`*`,link:null}],u=[c(``,`*`)]):t===`PrimitiveNode`?u=[c(`connect to widget input`,`*`)]:(t===`Note`||t===`MarkdownNote`)&&(d=[``]);let f={id:r,type:t,pos:n,size:[240,80],flags:{},order:0,mode:T.Active,inputs:l,outputs:u,properties:{"Node name for S&R":t},widgets_values:d},p=t===`Reroute`?[88,26]:Et(st(M(i,{...E(i,``)},f,e),f));return{...f,size:p}}function Mt(e,t,{origin:n,originSlot:r,target:i,input:a,type:o}){let s=E(e,t),c=s.nodes.get(i);if(!c||!s.nodes.has(n))return e;let l=O(c).findIndex(e=>e.name===a.name),u=l<0?void 0:O(c)[l]?.link;u!=null&&(s=Ft(s,[u]));let d=At(s),f=new Map(s.nodes),p=f.get(i);if(l<0){l=O(p).length;let e={name:a.name,type:a.type,...a.widget?{widget:{name:a.name}}:{},link:null};p={...p,inputs:[...O(p),e]}}f.set(i,{...p,inputs:O(p).map((e,t)=>t===l?{...e,link:d}:e)}),f.set(n,Pt(f.get(n),r,d,o));let m={id:d,origin:n,originSlot:r,target:i,targetSlot:l,type:o};return Nt(N(e,{...s,nodes:f,links:new Map(s.links).set(d,m)}),t,m)}function Nt(e,t,n){let r=E(e,t),i=r.nodes.get(n.target),a=r.nodes.get(n.origin);if(i&&Ee(e,i)===`reroute`&&!Te(A(n.type)))return P(e,t,[n.target],e=>({...e,outputs:k(e).map(e=>({...e,type:n.type}))}));let o=i&&O(i)[n.targetSlot];return a&&o&&Ee(e,a)===`primitive`&&Te(A(k(a)[0]?.type))?P(e,t,[n.origin],e=>({...e,outputs:k(e).map((e,t)=>t?e:{...e,type:o.type,name:A(o.type),widget:{name:o.name}})})):e}function Pt(e,t,n,r){let i=[...k(e)];for(;i.length<=t;)i.push({name:r,type:r,links:null});return{...e,outputs:i.map((e,r)=>r===t?{...e,links:[...e.links??[],n]}:e)}}function Ft(e,t){let n=new Set(t);if(!n.size)return e;let r=new Map(e.links),i=new Map(e.nodes);for(let e of n){let t=r.get(e);if(!t)continue;r.delete(e);let n=i.get(t.target);n&&i.set(t.target,{...n,inputs:O(n).map(t=>t.link===e?{...t,link:null}:t)});let a=i.get(t.origin);if(a){let n=k(a).map(t=>t.links?.includes(e)?{...t,links:t.links.filter(t=>t!==e)}:t);i.set(t.origin,{...a,outputs:n})}}let a=e=>e.some(e=>e.linkIds.some(e=>n.has(e)))?e.map(e=>({...e,linkIds:e.linkIds.filter(e=>!n.has(e))})):e,o=new Map(e.reroutes);for(let t of e.reroutes.values()){let e=t.linkIds.filter(e=>!n.has(e));e.length===0?o.delete(t.id):e.length<t.linkIds.length&&o.set(t.id,{...t,linkIds:e})}return{...e,links:r,nodes:i,reroutes:o,inputs:a(e.inputs),outputs:a(e.outputs)}}function It(e,t,n){return N(e,Ft(E(e,t),n))}function Lt(e,t,n,r=!1){let i=new Set(n),a=e;if(r)for(let e of i)a=Rt(a,t,e);let o=E(a,t);o=Ft(o,[...o.links.values()].filter(e=>i.has(e.origin)||i.has(e.target)).map(e=>e.id));let s=new Map(o.nodes);for(let e of i)s.delete(e);return N(a,{...o,nodes:s})}function Rt(e,t,n){let r=E(e,t),i=r.nodes.get(n);if(!i)return e;let a=e;for(let[o,s]of k(i).entries()){let c=O(i).find(t=>t.link!=null&&(Ee(e,i)===`reroute`||A(t.type)===A(s.type))),l=c?.link==null?void 0:r.links.get(c.link);if(l)for(let e of r.links.values()){if(e.origin!==n||e.originSlot!==o)continue;let i=r.nodes.get(e.target)?.inputs?.[e.targetSlot];if(!i)continue;let s={name:i.name,type:A(i.type),widget:i.widget!=null};a=Mt(a,t,{origin:l.origin,originSlot:l.originSlot,target:e.target,input:s,type:A(l.type)})}}return a}function zt(e,t,n){return P(e,t,n.keys(),e=>({...e,pos:n.get(D(e))??e.pos}))}function Bt(e,t,n,r){let i=E(e,t),a=n.every(e=>i.nodes.get(e)?.mode===r);return P(e,t,n,e=>({...e,mode:a?T.Active:r}))}function Vt(e,t,n,r){let i=E(e,t),a=n.every(e=>i.nodes.get(e)?.flags?.[r]===!0);return P(e,t,n,e=>{let{[r]:t,...n}=e.flags??{};return{...e,flags:a?n:{...n,[r]:!0}}})}function Ht(e,t,n,r){return P(e,t,[n],e=>{let{title:t,...n}=e;return r.trim()?{...n,title:r.trim()}:n})}function Ut(e,t,n,r){return P(e,t,n,e=>{let{color:t,bgcolor:n,...i}=e;return r?{...i,color:r.title,bgcolor:r.body}:i})}function Wt(e,t,n,r=`Group`){let i=E(e,t),a=Math.max(0,...i.groups.map(e=>e.id))+1;return N(e,{...i,groups:[...i.groups,{id:a,title:r,bounding:n,color:`#3f789e`,rest:{font_size:24,flags:{}}}]})}function Gt(e,t,n,r){let i=E(e,t);return N(e,{...i,groups:i.groups.map(e=>e.id===n?{...e,...r}:e)})}function Kt(e,t,n){let r=E(e,t);return N(e,{...r,groups:r.groups.filter(e=>!n.includes(e.id))})}function qt(e,[t,n,r,i]){return[...e.nodes.values()].filter(({pos:e,size:a})=>{let o=[e[0]+a[0]/2,e[1]+a[1]/2];return o[0]>=t&&o[0]<=t+r&&o[1]>=n&&o[1]<=n+i}).map(D)}function Jt(e,t,n,r){let i=E(e,t),a=i.links.get(n);if(!a)return e;let o=Math.max(0,...i.reroutes.keys())+1,s=a.parentId===void 0?{}:{parentId:a.parentId},c=new Map(i.reroutes).set(o,{id:o,pos:r,...s,linkIds:[n]});return N(e,{...i,reroutes:c,links:new Map(i.links).set(n,{...a,parentId:o})})}function Yt(e,t,n,r){let i=E(e,t),a=i.reroutes.get(n);return a?N(e,{...i,reroutes:new Map(i.reroutes).set(n,{...a,pos:r})}):e}function Xt(e,t,n){let r=E(e,t),i=r.reroutes.get(n);if(!i)return e;let a=e=>{if(e.parentId!==n)return e;let{parentId:t,...r}=e;return i.parentId===void 0?r:{...r,parentId:i.parentId}},o=new Map([...r.reroutes].filter(([e])=>e!==n).map(([e,t])=>[e,a(t)]));return N(e,{...r,reroutes:o,links:new Map([...r.links].map(([e,t])=>[e,a(t)]))})}function Zt(e,t){let n=[];for(let r=t.parentId;r!==void 0&&!n.includes(r)&&e.reroutes.has(r);r=e.reroutes.get(r)?.parentId)n.unshift(r);return n}function Qt(e,t,n,r,i){let a=M(e,t,n,r),o=a.inputs.map(e=>({name:e.name,type:e.type,widget:!1,linked:e.linked})),s=a.rows.flatMap(({socket:e})=>e?[{name:e.name,type:e.type,widget:!0,linked:e.linked}]:[]),c=[...o,...s].filter(e=>j(e.type,i));return[...c.filter(e=>!e.linked),...c.filter(e=>e.linked)]}function $t(e,t,n,r,i){let a=E(e,t),o=a.nodes.get(r);if(!o)return e;let s=O(o).findIndex(e=>e.name===i.name),c=O(o)[s]?.link;c!=null&&(a=Ft(a,[c]));let l=At(a),u=a.inputs,d=n>=u.length;d&&(n=u.length,u=[...u,{id:crypto.randomUUID(),name:tn(u,i.name||i.type.toLowerCase()),type:i.type,linkIds:[],rest:{}}]),u=u.map((e,t)=>t===n?{...e,linkIds:[...e.linkIds,l]}:e);let f=a.nodes.get(r),p=[...O(f)];s<0&&(s=p.length,p=[...p,{name:i.name,type:i.type,...i.widget?{widget:{name:i.name}}:{},link:null}]);let m=new Map(a.nodes).set(r,{...f,inputs:p.map((e,t)=>t===s?{...e,link:l}:e)}),h={id:l,origin:`-10`,originSlot:n,target:r,targetSlot:s,type:i.type},g=N(e,{...a,nodes:m,inputs:u,links:new Map(a.links).set(l,h)}),_=u[n];return d?an(g,t,e=>({...e,inputs:[...O(e),{name:_.name,type:_.type,...i.widget?{widget:{name:_.name}}:{},link:null}]})):g}function en(e,t,n,r,i,a,o){let s=E(e,t);if(!s.nodes.has(n))return e;s=Ft(s,[...s.links.values()].filter(e=>e.target===`-20`&&e.targetSlot===i).map(e=>e.id));let c=At(s),l=s.outputs,u=i>=l.length;u&&(i=l.length,l=[...l,{id:crypto.randomUUID(),name:tn(l,o||a.toLowerCase()),type:a,linkIds:[],rest:{}}]),l=l.map((e,t)=>t===i?{...e,linkIds:[c]}:e);let d=new Map(s.nodes).set(n,Pt(s.nodes.get(n),r,c,a)),f={id:c,origin:n,originSlot:r,target:`-20`,targetSlot:i,type:a},p=N(e,{...s,nodes:d,outputs:l,links:new Map(s.links).set(c,f)}),m=l[i];return u?an(p,t,e=>({...e,outputs:[...k(e),{name:m.name,type:m.type,links:null}]})):p}function tn(e,t){if(!e.some(e=>e.name===t))return t;for(let n=2;;n++)if(!e.some(e=>e.name===`${t}_${n}`))return`${t}_${n}`}function nn(e,t,n,r,i){let a=E(e,t);return N(e,{...a,[n]:a[n].map((e,t)=>t===r?{...e,label:i}:e)})}function rn(e,t,n,[r,i]){let a=E(e,t),o=a.rest[n],s=C(o)&&Array.isArray(o.bounding)?o.bounding:[0,0,120,60],c=n===`inputNode`?-10:-20;return N(e,{...a,rest:{...a.rest,[n]:{id:c,...C(o)?o:{},bounding:[r,i,s[2]??120,s[3]??60]}}})}function an(e,t,n){let r=e;for(let i of e.layers.values()){let e=[...i.nodes.values()].filter(e=>e.type===t).map(D);e.length&&(r=P(r,i.id,e,n))}return r}function on(e,t){if(!e)return 0;let n=t.indexOf(e);if(n>=0)return 1e3-n-(t.length-e.length)*.5+(n===0||/[^a-z0-9]/.test(t[n-1])?200:0)+(t.length===e.length?500:0);let r=-1,i=0,a=0;for(let n of e){if(n===` `)continue;let e=t.indexOf(n,r+1);if(e<0)return null;a=e===r+1?a+1:0,i+=a*6+(e===0||/[^a-z0-9]/.test(t[e-1])?12:0)-Math.min(e-r-1,10),r=e}return i}function sn(e,t,n){let r=e.trim().toLowerCase();if(!r)return[...t];let i=r.split(/\s+/),a=[];for(let e of t){let t=-1/0;n(e).forEach((e,n)=>{let a=e.toLowerCase(),o=on(r,a),s=i.map(e=>on(e,a)),c=o??(i.length>1&&s.every(e=>e!==null)?Math.min(...s)-20:null);c!==null&&(t=Math.max(t,c-n*40))}),t>-40&&a.push({item:e,points:t})}return a.sort((e,t)=>t.points-e.points).map(e=>e.item)}var cn=e=>({past:[],present:e,future:[],gesture:null});function ln(e,t,n=null){return t===e.present?e:n!==null&&n===e.gesture?{...e,present:t,future:[]}:{past:[...e.past.slice(-199),e.present],present:t,future:[],gesture:n}}var un=e=>e.gesture===null?e:{...e,gesture:null};function dn(e){let t=e.past.at(-1);return t?{past:e.past.slice(0,-1),present:t,future:[e.present,...e.future],gesture:null}:e}function fn(e){let[t,...n]=e.future;return t?{past:[...e.past,e.present],present:t,future:n,gesture:null}:e}var pn={nodes:[],groups:[],links:[],reroutes:[]};function mn(e=we(),t=`Untitled`,n=null){return{id:crypto.randomUUID(),name:t,file:n,history:cn(e),saved:n?e:null,path:[],view:null}}var hn=mn(),F=y()(()=>({catalog:new de([]),ready:!1,tabs:[hn],active:hn.id,selection:pn,selectionVersion:0,add:null,panel:null,side:null,logs:!1,dialog:null,locked:!1,renaming:null})),I=e=>e.tabs.find(t=>t.id===e.active)??e.tabs[0],L=e=>I(e).history.present,gn=e=>e.path.at(-1)?.layer??``,_n=e=>e.path.map(e=>`${e.node}:`).join(``),R=e=>E(L(e),gn(I(e))),vn=e=>e.saved?e.saved!==e.history.present:e.history.past.length>0;function yn(e,t){F.setState(({tabs:n})=>({tabs:n.map(n=>n.id===e?t(n):n)}))}function bn(e){let t=E(e.history.present,``),n=[];for(let r of e.path){let i=e.history.present.layers.get(r.layer);if(t.nodes.get(r.node)?.type!==r.layer||!i)break;n.push(r),t=i}return n.length===e.path.length?e:{...e,path:n}}function z(e,t=null){let n=I(F.getState()),r=e(n.history.present,gn(n));r!==n.history.present&&yn(n.id,e=>bn({...e,history:ln(e.history,r,t)}))}var xn=()=>{let e=I(F.getState());e.history.gesture!==null&&yn(e.id,e=>({...e,history:un(e.history)}))},Sn=()=>yn(F.getState().active,e=>bn({...e,history:dn(e.history)})),Cn=()=>yn(F.getState().active,e=>bn({...e,history:fn(e.history)}));function B(e){F.setState(({selectionVersion:t})=>({selection:{...pn,...e},selectionVersion:t+1}))}function wn(e){F.setState(({tabs:t,active:n})=>{let r=t.find(e=>e.id===n);return{tabs:r&&!r.file&&r.history.past.length===0&&E(r.history.present,``).nodes.size===0?t.map(t=>t.id===n?e:t):[...t,e],active:e.id,selection:pn,add:null}})}function Tn(e){e!==F.getState().active&&F.setState({active:e,selection:pn,add:null,renaming:null})}function En(e){F.setState(({tabs:t,active:n})=>{let r=t.findIndex(t=>t.id===e),i=t.filter(t=>t.id!==e);return i.length||i.push(mn()),{tabs:i,active:n===e?i[Math.min(r,i.length-1)].id:n,selection:pn}})}function Dn(e){yn(F.getState().active,t=>({...t,path:[...t.path,e],view:null})),F.setState({selection:pn,add:null})}function On(e){let t=I(F.getState());e>=t.path.length||(yn(t.id,t=>({...t,path:t.path.slice(0,e),view:null})),F.setState({selection:pn,add:null}))}function kn(e,t){let n=F.getState(),r=L(n),i=R(n);if(e===null||!t)return null;let a=t.indexOf(`:`),o=t.slice(0,a)===`in`?`input`:`output`,s=t.slice(a+1);if(e===`-10`||e===`-20`){let t=Number(s),n=(e===`-10`?i.inputs:i.outputs)[t];return{node:e,side:o,slot:t,name:n?.name??``,type:A(n?.type),widget:!1}}let c=i.nodes.get(e);if(!c)return null;let l=M(r,i,c,n.catalog);if(o===`output`){let t=Number(s),n=l.outputs[t];return n?{node:e,side:o,slot:t,name:n.name,type:n.type,widget:!1}:null}let u=l.inputs.find(e=>e.name===s);if(u)return{node:e,side:o,slot:-1,name:s,type:u.type,widget:!1};let d=l.rows.find(e=>e.socket?.name===s);return d?.socket?{node:e,side:o,slot:-1,name:s,type:d.socket.type,widget:!0}:null}function An(e,t,n=null){z((n,r)=>{if(e.node===`-10`&&t.node===`-20`)return n;let i={name:t.name,type:t.type,widget:t.widget};return e.node===`-10`?$t(n,r,e.slot,t.node,i):t.node===`-20`?en(n,r,e.node,e.slot,t.slot,e.type,e.name):Mt(n,r,{origin:e.node,originSlot:e.slot,target:t.node,input:i,type:Te(e.type)?t.type:e.type})},n)}var jn=e=>{if(e.source===e.target)return!1;let t=kn(e.source,e.sourceHandle),n=kn(e.target,e.targetHandle);return t!==null&&n!==null&&t.side===`output`&&n.side===`input`&&j(t.type,n.type)};function Mn(e,t,n=null){let r=F.getState(),i=L(r),a=R(r),o=a.nodes.get(t);if(!o)return;if(e.side===`output`){let[s]=Qt(i,a,o,r.catalog,e.type);s&&An(e,{node:t,side:`input`,slot:-1,name:s.name,type:s.type,widget:s.widget},n);return}let s=M(i,a,o,r.catalog),c=s.outputs.findIndex(t=>j(t.type,e.type));c>=0&&An({node:t,side:`output`,slot:c,name:s.outputs[c].name,type:s.outputs[c].type,widget:!1},e,n)}var Nn=new Set([`MODEL`,`CLIP`,`VAE`,`CONDITIONING`,`LATENT`,`IMAGE`,`MASK`,`INT`,`FLOAT`,`STRING`,`BOOLEAN`,`COMBO`,`CONTROL_NET`,`SIGMAS`,`SAMPLER`,`NOISE`,`GUIDER`,`CLIP_VISION`,`AUDIO`,`VIDEO`]);function Pn(e){let t=e.split(`,`)[0]??``;if(Nn.has(t))return`var(--t-${t})`;if(t===`*`||t===``)return`var(--t-any)`;let n=7;for(let e=0;e<t.length;e++)n=(n*31+t.charCodeAt(e))%360;return`hsl(${n} var(--t-sat) var(--t-light))`}var Fn=[{name:`Red`,title:`#322`,body:`#533`},{name:`Brown`,title:`#332922`,body:`#593930`},{name:`Green`,title:`#232`,body:`#353`},{name:`Blue`,title:`#223`,body:`#335`},{name:`Pale blue`,title:`#2a363b`,body:`#3f5159`},{name:`Cyan`,title:`#233`,body:`#355`},{name:`Purple`,title:`#323`,body:`#535`},{name:`Yellow`,title:`#432`,body:`#653`},{name:`Black`,title:`#222`,body:`#000`}],V=re();function In(e,t){let n=(e,t)=>({type:e,title:t,category:`editor`,spec:null,texts:[t,e]}),r=[...t.values()].map(e=>({type:e.class,title:e.title,category:e.category,spec:e,texts:[e.title,e.class,...e.aliases,e.category]})),i=[...e.layers.values()].filter(e=>e.id!==``).map(e=>({type:e.id,title:e.name||`Subgraph`,category:`subgraphs of this workflow`,spec:null,texts:[e.name,`subgraph`]}));return[...r,...i,n(`Reroute`,`Reroute`),n(`PrimitiveNode`,`Primitive`),n(`MarkdownNote`,`Note`)]}function Ln(){let e=F(e=>e.add);return e?(0,V.jsx)(zn,{request:e},`${e.at}`):null}function Rn(){F.setState({add:null}),document.querySelector(`.react-flow__pane`)?.focus()}function zn({request:e}){let t=F(e=>e.catalog),[n,r]=(0,x.useState)(``),[i,a]=(0,x.useState)(0),o=(0,x.useRef)(null),s=(0,x.useMemo)(()=>{let n=F.getState(),r=L(n),i=gn(I(n)),a=In(r,t.specs).filter(e=>e.type!==i),{link:o}=e;return o?a.filter(({type:e,spec:n})=>{if(e===`Reroute`)return!0;if(e===`PrimitiveNode`)return o.side===`input`&&/INT|FLOAT|STRING|BOOLEAN|COMBO/.test(o.type);if(n&&!n.changes)return o.side===`output`?n.inputs.some(e=>j(o.type,e.type)):n.outputs.some(e=>j(e.type,o.type));let i=jt(t,e,[0,0],0,r),a=M(r,E(r,``),i,t);return(o.side===`output`?a.inputs:a.outputs).some(e=>j(e.type,o.type))}):a},[t,e]),c=(0,x.useMemo)(()=>sn(n,s,e=>e.texts).slice(0,100),[n,s]);(0,x.useEffect)(()=>{o.current?.children[i]?.scrollIntoView({block:`nearest`})},[i]);let l=t=>{t&&(Vn(t.type,e),Rn())},u=c[i],d={left:Math.max(8,Math.min(e.screen[0]-24,innerWidth-580)),top:Math.max(8,Math.min(e.screen[1]-24,innerHeight-400))};return(0,V.jsx)(`div`,{className:`veil`,onPointerDown:e=>e.target===e.currentTarget&&Rn(),children:(0,V.jsxs)(`div`,{className:`add`,role:`dialog`,"aria-label":`Add a node`,style:d,children:[(0,V.jsxs)(`div`,{className:`add-search`,children:[e.link&&(0,V.jsx)(`span`,{className:`chip`,style:{color:Pn(e.link.type)},children:e.link.type}),(0,V.jsx)(`input`,{autoFocus:!0,type:`search`,role:`combobox`,"aria-expanded":!0,"aria-controls":`add-list`,"aria-activedescendant":`add-${i}`,"aria-label":`Search for a node`,placeholder:e.link?e.link.side===`output`?`Which node takes it?`:`Which node gives it?`:`Search for a node`,value:n,onChange:e=>{r(e.target.value),a(0)},onKeyDown:e=>{if(e.stopPropagation(),e.key===`ArrowDown`)a(e=>Math.min(e+1,c.length-1));else if(e.key===`ArrowUp`)a(e=>Math.max(e-1,0));else if(e.key===`Enter`)l(u);else if(e.key===`Escape`)Rn();else return;e.preventDefault()}})]}),(0,V.jsxs)(`div`,{className:`add-body`,children:[(0,V.jsxs)(`div`,{className:`add-list`,role:`listbox`,id:`add-list`,"aria-label":`Nodes`,ref:o,children:[c.map((e,t)=>(0,V.jsxs)(`div`,{id:`add-${t}`,role:`option`,"aria-selected":t===i,"data-at":t===i||void 0,onPointerMove:()=>a(t),onClick:()=>l(e),children:[(0,V.jsx)(`span`,{children:e.title}),(0,V.jsx)(`small`,{children:e.category})]},e.type)),!c.length&&(0,V.jsx)(`p`,{className:`empty`,children:`No node is called so.`})]}),u&&(0,V.jsx)(Bn,{entry:u})]})]})})}function Bn({entry:e}){let{spec:t}=e;return(0,V.jsxs)(`aside`,{className:`add-about`,children:[(0,V.jsx)(`h3`,{children:e.title}),t&&(0,V.jsx)(`p`,{className:`muted`,children:t.class}),t?.description&&(0,V.jsx)(`p`,{children:t.description.split(`

`)[0]}),t&&(0,V.jsxs)(`div`,{className:`add-slots`,children:[(0,V.jsx)(`ul`,{children:t.inputs.filter(e=>!e.widget).map(e=>(0,V.jsxs)(`li`,{children:[(0,V.jsx)(`i`,{className:`dot`,style:{background:Pn(e.type)}}),e.label]},e.name))}),(0,V.jsx)(`ul`,{children:t.outputs.map((e,t)=>(0,V.jsxs)(`li`,{children:[e.name,(0,V.jsx)(`i`,{className:`dot`,style:{background:Pn(e.type)}})]},t))})]})]})}function Vn(e,t,n={}){let{catalog:r}=F.getState(),i=t.link&&kn(t.link.node,t.link.slot),a=``;z((o,s)=>{let c=jt(r,e,t.at,kt(o),o);for(let[e,t]of Object.entries(n))c=gt(o,c,r,e,t);a=D(c);let l=i?.side===`input`?[t.at[0]-c.size[0],t.at[1]]:t.at;return Dt(o,s,{...c,pos:l})},`add:${t.at}`);let o=F.getState(),s=L(o),c=R(o),l=c.nodes.get(a);if(i&&l){if(i.side===`output`){let[e]=Qt(s,c,l,r,i.type);e&&An(i,{node:a,side:`input`,slot:-1,name:e.name,type:e.type,widget:e.widget},`add:${t.at}`)}else{let e=M(s,c,l,r).outputs,n=e.findIndex(e=>j(e.type,i.type));n>=0&&An({node:a,side:`output`,slot:n,name:e[n].name,type:e[n].type,widget:!1},i,`add:${t.at}`)}}B({nodes:[a]})}var Hn={"euler a":`euler_ancestral`,"dpm2 a":`dpm_2_ancestral`,dpm2:`dpm_2`,"dpm++ 2s a":`dpmpp_2s_ancestral`,"dpm++ 2m":`dpmpp_2m`,"dpm++ sde":`dpmpp_sde`,"dpm++ 2m sde":`dpmpp_2m_sde`,"dpm++ 3m sde":`dpmpp_3m_sde`,"dpm fast":`dpm_fast`,"dpm adaptive":`dpm_adaptive`};function Un(e){let t=e.trim().split(`
`),n=/^Steps: \d/.test(t.at(-1)??``)?t.pop():``,r=t.findIndex(e=>e.startsWith(`Negative prompt:`)),i=t.slice(0,r<0?void 0:r).join(`
`),a=r<0?``:t.slice(r).join(`
`).slice(16),o=new Map;for(let[,e,t,r]of n.matchAll(/([A-Za-z][\w /-]*):\s*(?:"((?:[^"\\]|\\.)*)"|([^,]*))(?:,|$)/g))o.set(e.trim().toLowerCase(),t??r.trim());return{positive:i.trim(),negative:a.trim(),settings:o}}function Wn(e,t){let{positive:n,negative:r,settings:i}=Un(e),a=(e,t)=>{let n=Number.parseFloat(i.get(e)??``);return Number.isFinite(n)?n:t},[,o=`512`,s=`512`]=/^(\d+)x(\d+)$/.exec(i.get(`size`)??``)??[],c=(i.get(`sampler`)??`Euler`).toLowerCase(),l=/ karras$/.test(c),u=c.replace(/ (karras|exponential)$/,``),d=(i.get(`schedule type`)??(l?`karras`:`normal`)).toLowerCase().replace(`automatic`,`normal`).replaceAll(` `,`_`),f=i.get(`model`)??``,p=t.spec(`CheckpointLoaderSimple`)?.inputs.find(e=>e.name===`ckpt_name`)?.widget,m=(p?.kind===`combo`?p.options:[]).find(e=>typeof e==`string`&&e.replace(/^.*\//,``).replace(/\.\w+$/,``)===f)??`${f||`model`}.safetensors`,h=i.get(`seed`)??``,g=(e,t)=>({class_type:e,inputs:t});return{1:g(`CheckpointLoaderSimple`,{ckpt_name:m}),2:g(`CLIPTextEncode`,{clip:[`1`,1],text:n}),3:g(`CLIPTextEncode`,{clip:[`1`,1],text:r}),4:g(`EmptyLatentImage`,{width:Number(o),height:Number(s),batch_size:1}),5:g(`KSampler`,{model:[`1`,0],positive:[`2`,0],negative:[`3`,0],latent_image:[`4`,0],seed:/^\d+$/.test(h)?S(h):0,steps:a(`steps`,20),cfg:a(`cfg scale`,7),sampler_name:Hn[u]??u.replaceAll(`++`,`pp`).replaceAll(` `,`_`),scheduler:d,denoise:1}),6:g(`VAEDecode`,{samples:[`5`,0],vae:[`1`,2]}),7:g(`SaveImage`,{images:[`6`,0],filename_prefix:`burnish`})}}var Gn={columns:64,rows:24};function Kn(e,t,n,r){let i=E(e,t),a=[...i.nodes.keys()].filter(e=>!r||r.has(e));if(!a.length)return e;let o=new g.graphlib.Graph({multigraph:!1});o.setGraph({rankdir:`LR`,ranksep:Gn.columns,nodesep:Gn.rows,ranker:`network-simplex`}),o.setDefaultEdgeLabel(()=>({}));let s=new Set(a),c=new Map;for(let t of a){let r=i.nodes.get(t),{width:a,height:s}=Tt(M(e,i,r,n),r,!1);c.set(t,[a,s]),o.setNode(t,{width:a,height:s})}for(let e of i.links.values())s.has(e.origin)&&s.has(e.target)&&e.origin!==e.target&&o.setEdge(e.origin,e.target);g.layout(o);let l=e=>{let{x:t,y:n}=o.node(e),[r,i]=c.get(e);return[Math.round((t-r/2)/8)*8,Math.round((n-i/2)/8)*8+30]},u=new Map(a.map(e=>[e,l(e)])),d=qn(i,a,e=>i.nodes.get(e).pos),f=qn(i,a,e=>u.get(e)),p=new Map(i.nodes);for(let[e,[t,n]]of u)p.set(e,{...p.get(e),pos:r?[t+d[0]-f[0],n+d[1]-f[1]]:[t,n]});return{...e,layers:new Map(e.layers).set(t,{...i,nodes:p})}}function qn(e,t,n){return[Math.min(...t.map(e=>n(e)[0])),Math.min(...t.map(e=>n(e)[1]))]}function Jn(e,t,n,r,i){let a=E(e,t),o=r.flatMap(t=>{let r=a.nodes.get(t);if(!r)return[];let{width:i,height:o}=Tt(M(e,a,r,n),r,!1);return[{id:t,x:r.pos[0],y:r.pos[1]-30,width:i,height:o}]});if(o.length<2)return e;let s=Math.min(...o.map(e=>e.x)),c=Math.max(...o.map(e=>e.x+e.width)),l=Math.min(...o.map(e=>e.y)),u=Math.max(...o.map(e=>e.y+e.height)),d=(e,t,n,r)=>{let i=[...o].sort((e,n)=>e[t]-n[t]),a=r-n-i.reduce((t,n)=>t+n[e],0),s=Math.max(a/(i.length-1),16),c=n;for(let n of i)n[t]=c,c+=n[e]+s};i===`columns`&&d(`width`,`x`,s,c),i===`rows`&&d(`height`,`y`,l,u);for(let e of o)i===`left`&&(e.x=s),i===`right`&&(e.x=c-e.width),i===`center`&&(e.x=(s+c-e.width)/2),i===`top`&&(e.y=l),i===`bottom`&&(e.y=u-e.height),i===`middle`&&(e.y=(l+u-e.height)/2);let f=new Map(a.nodes);for(let{id:e,x:t,y:n}of o)f.set(e,{...f.get(e),pos:[Math.round(t),Math.round(n)+30]});return{...e,layers:new Map(e.layers).set(t,{...a,nodes:f})}}var Yn=64;function Xn(e,t){if(!C(e))throw new Se([`A workflow is an object, and this file holds something else.`]);if(Array.isArray(e.nodes))return Zn(e);let n=C(e.prompt)&&!(`class_type`in e.prompt)?e.prompt:e;if(Object.values(n).some(e=>C(e)&&`class_type`in e))return lr(n,t);throw new Se(["This file holds neither a workflow (a list `nodes`) nor a prompt (nodes with a `class_type`)."])}function Zn(e){let t=[],n=new Map([[``,er(e,``,t)]]),r=[{holder:e,depth:0}];for(let e=r.shift();e;e=r.shift()){let i=C(e.holder.definitions)?e.holder.definitions.subgraphs:void 0;if(e.depth>Yn)t.push(`subgraph definitions are nested more than ${Yn} deep`);else for(let a of Array.isArray(i)?i:[])C(a)?typeof a.id!=`string`||!a.id?t.push(`a subgraph definition has no id`):n.has(a.id)?t.push(`there are two subgraph definitions \`${a.id}\``):(n.set(a.id,er(a,a.id,t)),r.push({holder:a,depth:e.depth+1})):t.push(`a subgraph definition is not an object`)}let i={layers:n,version:e.version===1?1:.4},a=Qn(i);if(a&&t.push(`the subgraph "${a}" contains itself; take the inner copy out of the file`),t.length)throw new Se(t);return i}function Qn(e){let t=new Map,n=(r,i)=>{let a=e.layers.get(r);if(!a||t.get(r)===`done`)return null;if(t.get(r)===`open`||i>Yn)return a.name||r;t.set(r,`open`);for(let e of a.nodes.values()){let t=e.type===``?null:n(e.type,i+1);if(t!==null)return t}return t.set(r,`done`),null};return n(``,0)}var $n=new Set([`nodes`,`links`,`groups`,`reroutes`,`definitions`,`inputs`,`outputs`,`name`,`version`]);function er(e,t,n){let r=t===``,i=r?``:` in the subgraph \`${t}\``,a=new Map;Array.isArray(e.nodes)||n.push(`\`nodes\`${i} should be a list`);for(let t of tr(e.nodes)){let e=ar(t);typeof e==`string`?n.push(e+i):a.has(String(e.id))?n.push(`there are two nodes \`${e.id}\`${i}`):a.set(String(e.id),e)}let o=C(e.extra)?e.extra:{},s=new Map;for(let e of tr(o.linkExtensions))C(e)&&nr(e.id)&&nr(e.parentId)&&s.set(e.id,e.parentId);let c=new Map;for(let t of tr(e.links)){if(t===null)continue;let e=or(t,s);e?c.set(e.id,e):n.push(`a link${i} cannot be understood: ${JSON.stringify(t,rr).slice(0,80)}`)}let l=new Map;for(let t of tr(e.reroutes??o.reroutes)){if(!C(t)||!nr(t.id))continue;let{id:e,pos:n,parentId:r,linkIds:i,...a}=t;l.set(t.id,{id:t.id,pos:ir(n,[0,0]),linkIds:tr(i).filter(nr),...nr(r)?{parentId:r}:{},rest:a})}let u=Object.fromEntries(Object.entries(e).filter(([e])=>!$n.has(e)||r&&e===`name`));return{...Ce(t),name:!r&&typeof e.name==`string`?e.name:``,nodes:a,links:c,reroutes:l,groups:tr(e.groups).flatMap((e,t)=>sr(e,t)),inputs:r?[]:tr(e.inputs).flatMap(cr),outputs:r?[]:tr(e.outputs).flatMap(cr),rest:u}}var tr=e=>Array.isArray(e)?e:[],nr=e=>typeof e==`number`&&Number.isFinite(e),rr=(e,t)=>typeof t==`bigint`?String(t):t;function ir(e,t){let n=Array.isArray(e)?e:C(e)?[e[0],e[1]]:[];return nr(n[0])&&nr(n[1])?[n[0],n[1]]:t}function ar(e){if(!C(e))return`a node is not an object`;let t=typeof e.id==`number`||typeof e.id==`string`?e.id:null;if(t===null)return`a node has no id`;if(typeof e.type!=`string`)return`node \`${t}\` has no type`;let n=e=>Array.isArray(e)?e.filter(e=>C(e)):void 0,r=n(e.inputs)?.map(e=>({...e,name:typeof e.name==`string`?e.name:``})),i=n(e.outputs)?.map(e=>({...e,name:typeof e.name==`string`?e.name:``}));return{...e,id:t,type:e.type,pos:ir(e.pos,[0,0]),size:ir(e.size,[240,80]),...r?{inputs:r}:{},...i?{outputs:i}:{}}}function or(e,t){let[n,r,i,a,o,s]=Array.isArray(e)?e:C(e)?[e.id,e.origin_id,e.origin_slot,e.target_id,e.target_slot,e.type]:[],c=[n,i,o].map(Number);if(!c.every(Number.isSafeInteger)||r===void 0||a===void 0||c[1]<0||c[2]<0)return null;let l=C(e)&&nr(e.parentId)?e.parentId:t.get(c[0]),u=new Set([`id`,`origin_id`,`origin_slot`,`target_id`,`target_slot`,`type`,`parentId`]),d=C(e)?Object.fromEntries(Object.entries(e).filter(([e])=>!u.has(e))):{};return{id:c[0],origin:String(r),originSlot:c[1],target:String(a),targetSlot:c[2],type:s??`*`,...l===void 0?{}:{parentId:l},...Object.keys(d).length?{rest:d}:{}}}function sr(e,t){if(!C(e))return[];let{id:n,title:r,bounding:i,color:a,...o}=e,s=tr(i).map(Number);return s.length<4||!s.every(Number.isFinite)?[]:[{id:nr(n)?n:t+1,title:typeof r==`string`?r:`Group`,bounding:[s[0],s[1],s[2],s[3]],...typeof a==`string`?{color:a}:{},...nr(n)?{}:{unnumbered:!0},rest:o}]}function cr(e){if(!C(e))return[];let{id:t,name:n,type:r,linkIds:i,label:a,...o}=e;return[{id:typeof t==`string`?t:crypto.randomUUID(),name:typeof n==`string`?n:``,type:r??`*`,linkIds:tr(i).filter(nr),...typeof a==`string`?{label:a}:{},rest:o}]}function lr(e,t){let n=[],r=we();for(let[i,a]of Object.entries(e)){if(!C(a)||typeof a.class_type!=`string`){n.push(`node \`${i}\` has no class_type`);continue}let e=C(a.inputs)?a.inputs:{},o=t.spec(a.class_type),s=o&&He(o,(t,n)=>e[n.name],t=>Array.isArray(e[t])),c=t=>{let n=e[t];return Array.isArray(n)?void 0:C(n)&&`__value__`in n?n.__value__:n},l=C(a._meta)&&typeof a._meta.title==`string`?a._meta.title:void 0,u=/^(0|[1-9]\d{0,14})$/.test(i)?Number(i):i,d=jt(t,a.class_type,[0,0],u);if(s){let e=Fe(s,(e,t)=>{let n=c(e.name);return t.kind===`string`&&t.dynamic&&typeof n==`string`?Ve(n):n},()=>`fixed`);d={...d,widgets_values:e}}else{let t=Object.fromEntries(Object.keys(e).flatMap(e=>c(e)===void 0?[]:[[e,c(e)]]));d={...d,widgets_values_named:t}}l&&l!==s?.title&&(d={...d,title:l}),r=Dt(r,``,d)}if(n.length)throw new Se(n);for(let[n,i]of Object.entries(e)){let e=C(i)&&C(i.inputs)?i.inputs:{};for(let[a,o]of Object.entries(e)){let[s,c]=Array.isArray(o)&&o.length===2?o:[];if(typeof s!=`string`||!nr(c))continue;let l=E(r,``).nodes.get(s);if(!l)continue;let u=C(i)?i.class_type:void 0,d=t.spec(typeof u==`string`?u:``),f=(d&&He(d,(t,n)=>e[n.name],t=>Array.isArray(e[t])))?.inputs.find(e=>e.name===a),p=t.spec(l.type)?.outputs[c]?.type;r=Mt(r,``,{origin:s,originSlot:c,target:n,input:{name:a,type:f?.type??`*`,widget:f?.widget!=null},type:p??f?.type??`*`})}}return Kn(r,``,t)}function ur(e,t=e.version){let n=e.layers.get(``),r=[...e.layers.values()].filter(e=>e.id!==``).map(yr),{links:i,reroutes:a,extra:o}=t===1?vr(n):_r(n),{state:s,last_node_id:c,last_link_id:l,extra:u,...d}=n.rest,f=t===1?{state:mr(n)}:{last_node_id:fr(n),last_link_id:pr(n)};return{...d,...f,nodes:[...n.nodes.values()],links:i,...a?{reroutes:a}:{},groups:n.groups.map(xr),...r.length?{definitions:{subgraphs:r}}:{},...o?{extra:o}:{},version:t}}function dr(e){return/^(0|-?[1-9]\d{0,14})$/.test(e)?Number(e):e}function fr(e){let t=e.rest.last_node_id??e.rest.state?.lastNodeId;return Math.max(Number(t)||0,...[...e.nodes.keys()].map(e=>Number(e)||0))}function pr(e){let t=e.rest.last_link_id??e.rest.state?.lastLinkId;return Math.max(Number(t)||0,...e.links.keys())}function mr(e){let t=e.rest.state??{},n=(e,n)=>Math.max(Number(t[e])||0,...n);return{...t,lastNodeId:fr(e),lastLinkId:pr(e),lastGroupId:n(`lastGroupId`,e.groups.map(e=>e.id)),lastRerouteId:n(`lastRerouteId`,e.reroutes.keys())}}function hr(e){return{id:e.id,origin_id:dr(e.origin),origin_slot:e.originSlot,target_id:dr(e.target),target_slot:e.targetSlot,type:e.type,...e.parentId===void 0?{}:{parentId:e.parentId},...e.rest}}function gr({id:e,pos:t,parentId:n,linkIds:r,rest:i}){return{id:e,...n===void 0?{}:{parentId:n},pos:t,linkIds:r,...i}}function _r(e){let t=e.rest.extra,{reroutes:n,linkExtensions:r,...i}=t??{},a=[...e.reroutes.values()].map(gr),o=[...e.links.values()].flatMap(e=>e.parentId===void 0?[]:[{id:e.id,parentId:e.parentId}]),s={...i,...a.length||n?{reroutes:a}:{},...o.length||r?{linkExtensions:o}:{}};return{links:[...e.links.values()].map(e=>[e.id,dr(e.origin),e.originSlot,dr(e.target),e.targetSlot,e.type]),extra:t||Object.keys(s).length?s:void 0}}function vr(e){let{reroutes:t,linkExtensions:n,...r}=e.rest.extra??{},i=[...e.reroutes.values()].map(gr);return{links:[...e.links.values()].map(hr),reroutes:i,extra:e.rest.extra?r:void 0}}function yr(e){let{extra:t,...n}=e.rest,{reroutes:r,linkExtensions:i,...a}=t??{},o=[...e.reroutes.values()].map(gr);return{...n,...n.state?{state:mr(e)}:{},version:1,name:e.name,inputs:e.inputs.map(e=>br(e)),outputs:e.outputs.map(e=>br(e)),nodes:[...e.nodes.values()],groups:e.groups.map(xr),links:[...e.links.values()].map(hr),...o.length&&!r?{reroutes:o}:{},...t?{extra:r?{...a,reroutes:o}:a}:{}}}function br({id:e,name:t,type:n,linkIds:r,label:i,rest:a}){return{id:e,name:t,type:n,linkIds:r,...i===void 0?{}:{label:i},...a}}function xr({id:e,unnumbered:t,title:n,bounding:r,color:i,rest:a}){return{...t?{}:{id:e},title:n,bounding:r,...i===void 0?{}:{color:i},...a}}var Sr=`burnish/nodes`;function Cr(e,t,n,r=[]){let i=E(e,t),a=new Set(n),o=new Map([...i.nodes].filter(([e])=>a.has(e))),s=[...i.links.values()],c=new Map(s.filter(e=>a.has(e.origin)&&a.has(e.target)).map(e=>[e.id,e])),l=s.filter(e=>!a.has(e.origin)&&a.has(e.target)&&i.nodes.has(e.origin)),u=new Map([[``,{...i,id:``,nodes:o,links:c,reroutes:new Map,groups:i.groups.filter(e=>r.includes(e.id)),inputs:[],outputs:[],rest:{}}]]),d=t=>{for(let n of t.nodes.values()){let t=n.type===``||u.has(n.type)?void 0:e.layers.get(n.type);t&&(u.set(n.type,t),d(t))}};return d(u.get(``)),{...ur({layers:u,version:.4}),mark:Sr,feeds:l.map(e=>[e.origin,e.originSlot,e.target,e.targetSlot,e.type])}}var wr=e=>C(e)&&e.mark===Sr;function Tr(e,t,n,r,i=!1){let{mark:a,feeds:o,...s}=n,c=Zn(s),l=E(c,``),u=new Map(e.layers);for(let[e,t]of c.layers)e!==``&&!u.has(e)&&u.set(e,t);let d=E(e,t),f=kt({...e,layers:u}),p=new Map([...l.nodes.keys()].map(e=>[e,f++])),m=[...[...l.nodes.values()].map(e=>e.pos),...l.groups.map(e=>[e.bounding[0],e.bounding[1]])],h=r[0]-Math.min(...m.map(e=>e[0])),g=r[1]-Math.min(...m.map(e=>e[1])),_=Math.max(Number(d.rest.last_link_id)||0,0,...d.links.keys()),v=new Map(d.links),y=new Map;for(let e of l.links.values()){let t=p.get(e.origin),n=p.get(e.target);if(t===void 0||n===void 0)continue;let{parentId:r,...i}=e,a={...i,id:++_,origin:String(t),target:String(n)};y.set(e.id,a.id),v.set(a.id,a)}let b=new Map(d.nodes);for(let[e,t]of l.nodes){let n=p.get(e);b.set(String(n),{...t,id:n,pos:[Math.round(t.pos[0]+h),Math.round(t.pos[1]+g)],...t.inputs?{inputs:O(t).map(e=>({...e,link:e.link==null?null:y.get(e.link)??null}))}:{},...t.outputs?{outputs:k(t).map(e=>({...e,links:e.links?.flatMap(e=>y.get(e)??[])??null}))}:{}})}for(let e of i&&Array.isArray(o)?o:[]){let[t,n,r,i,a]=Array.isArray(e)?e:[],o=p.get(String(r)),s=b.get(String(t)),c=o===void 0?void 0:b.get(String(o));if(!s||!c||typeof n!=`number`||typeof i!=`number`||!O(c)[i])continue;let l=++_;v.set(l,{id:l,origin:D(s),originSlot:n,target:D(c),targetSlot:i,type:a??`*`}),b.set(D(c),{...c,inputs:O(c).map((e,t)=>t===i?{...e,link:l}:e)}),b.set(D(s),{...s,outputs:k(s).map((e,t)=>t===n?{...e,links:[...e.links??[],l]}:e)})}let ee=Math.max(0,...d.groups.map(e=>e.id)),te=l.groups.map(({unnumbered:e,...t})=>({...t,id:++ee,bounding:[t.bounding[0]+h,t.bounding[1]+g,t.bounding[2],t.bounding[3]]}));return{doc:N({...e,layers:u},{...d,nodes:b,links:v,groups:[...d.groups,...te]}),ids:[...p.values()].map(String)}}var Er=64<<20,Dr=new TextDecoder(`latin1`),Or=new TextDecoder(`utf-8`);async function kr(e,t,n){return new DataView(await e.slice(t,t+Math.min(n,Er)).arrayBuffer())}var Ar=(e,t,n)=>new Uint8Array(e.buffer,e.byteOffset+t,Math.max(0,Math.min(n,e.byteLength-t))),jr=(e,t)=>Dr.decode(Ar(e,t,4));function Mr(e,t,n){let r=t.toLowerCase();if(e.set(r,n),/comment|cmt|description/.test(r)&&n.startsWith(`{`))try{let t=S(n);for(let n of[`workflow`,`prompt`]){let r=C(t)?t[n]:void 0;r!=null&&!e.has(n)&&e.set(n,typeof r==`string`?r:JSON.stringify(r,(e,t)=>typeof t==`bigint`?Number(t):t))}}catch{}}function Nr(e,t,n){let r=[];for(let i=t;i+8<=n;){let t=e.getUint32(i),a=t===0?n-i:t;if(a<8||i+a>n)break;r.push({kind:jr(e,i+4),from:i+8,to:i+a}),i+=a}return r}async function Pr(e){let t=new Map;for(let n=0;n+8<=e.size;){let r=await kr(e,n,16);if(r.byteLength<8)break;let i=r.getUint32(0),a=i===1&&r.byteLength>=16,o=i===0?e.size-n:a?Number(r.getBigUint64(8)):i;if(o<8)break;if(jr(r,4)===`moov`){let r=await kr(e,n+(a?16:8),o-(a?16:8)),i=Nr(r,0,r.byteLength),s=i.filter(e=>e.kind===`udta`).flatMap(e=>Nr(r,e.from,e.to));for(let e of[...i,...s])e.kind===`meta`&&Fr(r,e,t)}n+=o}return t}function Fr(e,t,n){let r=Nr(e,t.from+4,t.to),i=r.some(e=>e.kind===`ilst`)?r:Nr(e,t.from,t.to),a=[],o=i.find(e=>e.kind===`keys`);if(o)for(let t of Nr(e,o.from+8,o.to))a.push(Or.decode(Ar(e,t.from,t.to-t.from)));let s=i.find(e=>e.kind===`ilst`);for(let t of s?Nr(e,s.from,s.to):[]){let r=Nr(e,t.from,t.to).find(e=>e.kind===`data`);!r||r.to-r.from<8||Mr(n,a[e.getUint32(t.from-4)-1]??t.kind,Or.decode(Ar(e,r.from+8,r.to-r.from-8)))}}function Ir(e,t,n){if(t>=e.byteLength)return null;let r=e.getUint8(t),i=Math.clz32(r)-23;if(i>8||t+i>e.byteLength)return null;let a=n?r:r&255>>i,o=a===255>>i;for(let n=1;n<i;n++){let r=e.getUint8(t+n);o&&=r===255,a=a*256+r}return{value:o&&!n?1/0:a,length:i}}var Lr=408125543,Rr=307544935,zr=29555,Br=26568,Vr=17827,Hr=17543;async function Ur(e){let t=new Map;for(let n=0;n<e.size;){let r=await kr(e,n,16),i=Ir(r,0,!0),a=i&&Ir(r,i.length,!1);if(!i||!a)break;let o=n+i.length+a.length;if(i.value===Lr)n=o;else{if(i.value===Rr&&a.value<Er&&Wr(await kr(e,o,a.value),t),!Number.isFinite(a.value))break;n=o+a.value}}return t}function Wr(e,t){let n=(r,i,a)=>{for(let o=r;o<i;){let r=Ir(e,o,!0),s=r&&Ir(e,o+r.length,!1);if(!r||!s)return;let c=o+r.length+s.length,l=Math.min(c+s.value,i);if(r.value===zr)n(c,l,null);else if(r.value===Br&&!a){let e={name:``,text:``};n(c,l,e),e.name&&Mr(t,e.name,e.text)}else a&&r.value===Vr?a.name=Or.decode(Ar(e,c,l-c)):a&&r.value===Hr&&(a.text=Or.decode(Ar(e,c,l-c)).replace(/\0+$/,``));o=l}};n(0,e.byteLength,null)}function Gr(e,t,n){let r=t,i=()=>{let t=r+4<=e.byteLength?e.getUint32(r,!0):0;return r+=4,t},a=i();r+=a;let o=Math.min(i(),1e4);for(let t=0;t<o&&r+4<=e.byteLength;t++){let t=i(),a=Or.decode(Ar(e,r,t)),o=a.indexOf(`=`);o>0&&Mr(n,a.slice(0,o),a.slice(o+1)),r+=t}}async function Kr(e){let t=new Map;for(let n=4;n+4<=e.size;){let r=await kr(e,n,4),i=r.getUint8(0),a=r.getUint32(0)&16777215;if((i&127)==4&&Gr(await kr(e,n+4,a),0,t),i&128)break;n+=4+a}return t}async function qr(e){let t=new Map,n=[],r=0,i=0;for(let t=0;t+27<=e.size&&r<2&&i<Er;){let a=await kr(e,t,282);if(jr(a,0)!==`OggS`)break;let o=[...Ar(a,27,a.getUint8(26))],s=t+27+o.length;for(let t of o)r===1&&n.push(new Uint8Array(await e.slice(s,s+t).arrayBuffer())),s+=t,t<255&&r++;i+=s-t,t=s}let a=new DataView(await new Blob(n).arrayBuffer()),o=jr(a,0)===`Opus`?8:7;return a.byteLength>o&&Gr(a,o,t),t}async function Jr(e){let t=new Map,n=await kr(e,0,Er),r=e=>n.getUint8(e)<<21|n.getUint8(e+1)<<14|n.getUint8(e+2)<<7|n.getUint8(e+3),i=n.getUint8(3),a=Math.min(10+r(6),n.byteLength);for(let e=10;e+10<=a;){let o=i>=4?r(e+4):n.getUint32(e+4);if(o<=0||e+10+o>a)break;if(jr(n,e)===`TXXX`){let r=n.getUint8(e+10),[i=``,...a]=(r===0?Dr:r===3?Or:new TextDecoder(r===2?`utf-16be`:`utf-16`)).decode(Ar(n,e+11,o-1)).split(`\0`);i&&Mr(t,i,a.join(`\0`).replace(/^\ufeff|\0+$/g,``))}e+=10+o}return t}async function Yr(e){let t=new Map,n=Number((await kr(e,0,8)).getBigUint64(0,!0));if(n>Er)return t;try{let r=S(await e.slice(8,8+n).text()),i=C(r)?r.__metadata__:void 0;for(let[e,n]of Object.entries(C(i)?i:{}))typeof n==`string`&&Mr(t,e,n)}catch{}return t}var Xr=new TextDecoder(`latin1`),Zr=new TextDecoder(`utf-8`);async function Qr(e){let t=Xr.decode(await e.slice(0,16).arrayBuffer());if(t.slice(4,8)===`ftyp`)return Pr(e);if(t.startsWith(`Eß£`))return Ur(e);if(t.startsWith(`fLaC`))return Kr(e);if(t.startsWith(`OggS`))return qr(e);if(t.startsWith(`ID3`)&&t.length>10)return Jr(e);if(t.startsWith(`{"`,8))return Yr(e);let n=new Uint8Array(await e.arrayBuffer()),r=new DataView(n.buffer);return n.length>8&&r.getUint32(0)===2303741511?ei(n,r):n.length>12&&r.getUint32(0)===1380533830&&r.getUint32(8)===1464156752?ni(n,r):n.length>4&&r.getUint16(0)===65496?ri(n,r):new Map}async function $r(e){let t=new Blob([e]).stream().pipeThrough(new DecompressionStream(`deflate`));return new Uint8Array(await new Response(t).arrayBuffer())}async function ei(e,t){let n=new Map;for(let r=8;r+12<=e.length;){let i=t.getUint32(r),a=Xr.decode(e.subarray(r+4,r+8)),o=e.subarray(r+8,r+8+i);if(a===`IEND`||r+12+i>e.length)break;let s=o.indexOf(0);if(s>0&&a===`tEXt`)n.set(Xr.decode(o.subarray(0,s)),ti(o.subarray(s+1)));else if(s>0&&a===`zTXt`)n.set(Xr.decode(o.subarray(0,s)),ti(await $r(o.slice(s+2))));else if(s>0&&a===`iTXt`){let e=o.indexOf(0,s+3),t=o.indexOf(0,e+1),r=o.slice(t+1);e>0&&t>0&&n.set(Xr.decode(o.subarray(0,s)),Zr.decode(o[s+1]===1?await $r(r):r))}r+=12+i}return n}function ti(e){try{return new TextDecoder(`utf-8`,{fatal:!0}).decode(e)}catch{return Xr.decode(e)}}function ni(e,t){let n=new Map;for(let r=12;r+8<=e.length;){let i=Xr.decode(e.subarray(r,r+4)),a=t.getUint32(r+4,!0);i===`EXIF`&&ii(e.subarray(r+8,Math.min(r+8+a,e.length)),n),r+=8+a+a%2}return n}function ri(e,t){let n=new Map;for(let r=2;r+4<=e.length&&e[r]===255&&e[r+1]!==218;r+=2+t.getUint16(r+2))e[r+1]===225&&ii(e.subarray(r+4,Math.min(r+2+t.getUint16(r+2),e.length)),n);return n}function ii(e,t){let n=Xr.decode(e.subarray(0,6))===`Exif\0\0`?6:0;for(let r of ai(e.subarray(n))){let e=r.indexOf(`:`);e>0&&t.set(r.slice(0,e).toLowerCase(),r.slice(e+1))}}function ai(e){if(e.length<8)return[];let t=new DataView(e.buffer,e.byteOffset,e.length),n=t.getUint16(0)===18761,r=t.getUint32(4,n);if(r+2>e.length)return[];let i=[],a=t.getUint16(r,n);for(let o=0;o<a;o++){let a=r+2+o*12;if(a+12>e.length)break;let s=t.getUint32(a+4,n);if(t.getUint16(a+2,n)!==2||s<=4)continue;let c=t.getUint32(a+8,n);c+s<=e.length&&i.push(Zr.decode(e.subarray(c,c+s)).replace(/\0+$/,``))}return i}function oi(e,t,n,r,i=`New subgraph`){let a=E(e,t),o=new Set(n.filter(e=>a.nodes.has(e)));if(!o.size)return null;let s=crypto.randomUUID(),c=[],l=[],u=new Map,d=new Map(a.links),f=new Map,p=new Map,m=[],h=[];for(let e of a.links.values()){let t=o.has(e.origin),n=o.has(e.target);if(t||n){if(t&&n)u.set(e.id,e),d.delete(e.id);else if(n){let t=`${e.origin}\0${e.originSlot}`,n=O(a.nodes.get(e.target))[e.targetSlot],r=f.get(t);r===void 0?(r=c.length,f.set(t,r),c.push({id:crypto.randomUUID(),name:tn(c,n?.name||A(e.type).toLowerCase()),type:A(n?.type??e.type),linkIds:[],rest:{}}),m.push({slot:r,link:e})):d.delete(e.id),c[r]={...c[r],linkIds:[...c[r].linkIds,e.id]},u.set(e.id,{...e,origin:`-10`,originSlot:r})}else{let t=`${e.origin}\0${e.originSlot}`,n=k(a.nodes.get(e.origin))[e.originSlot],r=p.get(t);r===void 0&&(r=l.length,p.set(t,r),l.push({id:crypto.randomUUID(),name:tn(l,n?.name||A(e.type)),type:A(n?.type??e.type),linkIds:[e.id],rest:{}}),u.set(e.id,{...e,target:`-20`,targetSlot:r})),h.push({slot:r,link:e})}}}let g=[...o].map(e=>a.nodes.get(e)),_=Math.min(...g.map(e=>e.pos[0])),v=Math.min(...g.map(e=>e.pos[1])),y=Math.max(...g.map(e=>e.pos[0]+e.size[0])),b=new Set(u.keys()),ee=g.map(e=>({...e,inputs:O(e).map(e=>e.link!=null&&!b.has(e.link)?{...e,link:null}:e),outputs:k(e).map(e=>({...e,links:e.links?.filter(e=>b.has(e))??null}))})),te={...Ce(s,i),nodes:new Map(ee.map(e=>[D(e),e])),links:u,inputs:c,outputs:l,rest:{id:s,version:1,state:{},revision:0,config:{},inputNode:{id:-10,bounding:[_-200,v,120,40+c.length*20]},outputNode:{id:-20,bounding:[y+80,v,120,40+l.length*20]},widgets:[]}},ne={...e,layers:new Map(e.layers).set(s,te)},re=kt(e),ie=jt(r,s,[(_+y)/2-120,v],re,ne);ie={...ie,inputs:c.map((e,t)=>({name:e.name,type:e.type,link:m.find(e=>e.slot===t)?.link.id??null})),outputs:l.map((e,t)=>({name:e.name,type:e.type,links:h.filter(e=>e.slot===t).map(e=>e.link.id)}))};for(let{slot:e,link:t}of m)d.set(t.id,{...t,target:String(re),targetSlot:e});for(let{slot:e,link:t}of h)d.set(t.id,{...t,origin:String(re),originSlot:e});let ae=new Map([...a.nodes].filter(([e])=>!o.has(e)));for(let[e,t]of ae)k(t).some(e=>e.links?.some(e=>!d.has(e)))&&ae.set(e,{...t,outputs:k(t).map(e=>({...e,links:e.links?.filter(e=>d.has(e))??null}))});return ae.set(String(re),ie),ne=N(ne,{...a,nodes:ae,links:d}),{doc:ne,id:String(re)}}function si(e,t,n,r){let i=E(e,t),a=i.nodes.get(n),o=a&&e.layers.get(a.type);if(!a||!o)return null;let s=kt(e),c=new Map([...o.nodes.keys()].map(e=>[e,s++])),l=[...o.nodes.values()],u=Math.min(...l.map(e=>e.pos[0]),1/0),d=Math.min(...l.map(e=>e.pos[1]),1/0),f=new Map(l.map(e=>[D(e),e]));for(let t of M(e,i,a,r).rows){let n=ci(e,o,t.key,a),i=n&&f.get(n.node);i&&t.value!==void 0&&f.set(n.node,gt(e,i,r,n.row,t.value))}let p=new Map;for(let[e,t]of f){let n=c.get(e);p.set(String(n),{...t,id:n,pos:[t.pos[0]-u+a.pos[0],t.pos[1]-d+a.pos[1]],inputs:O(t).map(e=>({...e,link:null})),outputs:k(t).map(e=>({...e,links:null}))})}let m=new Map;O(a).forEach(e=>{let t=o.inputs.findIndex(t=>t.name===e.name),n=e.link==null?void 0:i.links.get(e.link);t>=0&&n&&m.set(t,n)});let h=[];for(let e of o.links.values()){if(e.target===`-20`)continue;let t=e.origin===`-10`?m.get(e.originSlot):{origin:String(c.get(e.origin)),originSlot:e.originSlot},n=c.get(e.target);t&&n!==void 0&&h.push({...t,target:String(n),targetSlot:e.targetSlot,type:e.type})}for(let e of i.links.values()){if(e.origin!==n||e.target===n)continue;let t=[...o.links.values()].find(t=>t.target===`-20`&&t.targetSlot===e.originSlot);if(!t)continue;let r=t.origin===`-10`?m.get(t.originSlot):{origin:String(c.get(t.origin)),originSlot:t.originSlot};r&&h.push({...r,target:e.target,targetSlot:e.targetSlot,type:e.type})}let g=new Set([...i.links.values()].filter(e=>e.origin===n||e.target===n).map(e=>e.id)),_=new Map;for(let[e,t]of i.nodes)e!==n&&_.set(e,{...t,inputs:O(t).map(e=>e.link!=null&&g.has(e.link)?{...e,link:null}:e),outputs:k(t).map(e=>e.links?.some(e=>g.has(e))?{...e,links:e.links.filter(e=>!g.has(e))}:e)});for(let[e,t]of p)_.set(e,t);let v=new Map([...i.links].filter(([e])=>!g.has(e))),y=Math.max(Number(i.rest.last_link_id)||0,0,...i.links.keys());for(let e of h){let t={id:++y,...e},n=_.get(e.origin),r=_.get(e.target);if(!n||!r)continue;v.set(t.id,t),_.set(e.target,{...r,inputs:O(r).map((n,r)=>r===e.targetSlot?{...n,link:t.id}:n)});let i=_.get(e.origin);_.set(e.origin,{...i,outputs:k(i).map((n,r)=>r===e.originSlot?{...n,links:[...n.links??[],t.id]}:n)})}let b=N(e,{...i,nodes:_,links:v});if(![...b.layers.values()].some(e=>[...e.nodes.values()].some(e=>e.type===a.type))){let e=new Map(b.layers);e.delete(a.type),b={...b,layers:e}}return{doc:b,ids:[...p.keys()]}}function ci(e,t,n,r){if(n.startsWith(`proxy:`)){let e=(r.properties?.proxyWidgets)?.filter(e=>Array.isArray(e)&&!String(e[1]).startsWith(`$$`))?.[Number(n.slice(6))];return e?{node:String(e[0]),row:String(e[1])}:null}let i=t.inputs.findIndex(e=>e.name===n.slice(3)),a=[...t.links.values()].find(e=>e.origin===`-10`&&e.originSlot===i),o=a&&t.nodes.get(a.target),s=o&&O(o)[a.targetSlot];return!o||!s?null:{node:D(o),row:e.layers.has(o.type)?`in:${s.name}`:s.name}}function li(e,t,n,r,i){let a=E(e,t),o=a[n][r];if(!o)return e;let[s,c]=n===`inputs`?[`origin`,`originSlot`]:[`target`,`targetSlot`],l=n===`inputs`?`-10`:`-20`,u=new Set([...a.links.values()].filter(e=>e[s]===l&&e[c]===r).map(e=>e.id)),d=new Map;for(let e of a.links.values())u.has(e.id)||d.set(e.id,e[s]===l&&e[c]>r?{...e,[c]:e[c]-1}:e);let f=new Map([...a.nodes].map(([e,t])=>[e,{...t,inputs:O(t).map(e=>e.link!=null&&u.has(e.link)?{...e,link:null}:e),outputs:k(t).map(e=>e.links?.some(e=>u.has(e))?{...e,links:e.links.filter(e=>!u.has(e))}:e)}])),p=N(e,{...a,nodes:f,links:d,[n]:a[n].filter((e,t)=>t!==r)}),m=n===`inputs`&&Qe(e,i,a,r)!==null,h=m?a.inputs.slice(0,r).filter((t,n)=>Qe(e,i,a,n)).length:-1;for(let i of e.layers.values())for(let e of i.nodes.values())e.type===t&&(p=P(ui(p,i.id,D(e),n,o.name,r),i.id,[D(e)],e=>m?mi(e,o.name,h):e));return p}function ui(e,t,n,r,i,a){let o=E(e,t),s=o.nodes.get(n),c=r===`inputs`?O(s).findIndex(e=>e.name===i):a;if(c<0)return e;let[l,u]=r===`inputs`?[`target`,`targetSlot`]:[`origin`,`originSlot`],d=new Map,f=new Set;for(let e of o.links.values())e[l]===n&&e[u]===c?f.add(e.id):d.set(e.id,e[l]===n&&e[u]>c?{...e,[u]:e[u]-1}:e);let p=new Map(o.nodes);for(let[e,t]of p)p.set(e,{...t,inputs:O(t).filter((t,i)=>e!==n||r!==`inputs`||i!==c).map(e=>e.link!=null&&f.has(e.link)?{...e,link:null}:e),outputs:k(t).filter((t,i)=>e!==n||r!==`outputs`||i!==c).map(e=>e.links?.some(e=>f.has(e))?{...e,links:e.links.filter(e=>!f.has(e))}:e)});return N(e,{...o,nodes:p,links:d})}function di(e,t,n,r){let i=E(e,t).nodes.get(n);if(!i||!e.layers.has(i.type))return null;let{mark:a,feeds:o,...s}=Cr({...e,layers:new Map(e.layers).set(i.type,{...E(e,i.type),name:r})},t,[n]),c=Array.isArray(s.nodes)?s.nodes:[];return{...s,nodes:c.map(({title:e,...t})=>t)}}function fi(e,t,n,r){let i=E(e,t),a=i.nodes.get(n);return!a||t===``?[]:M(e,i,a,r).rows.flatMap(e=>{let t=e.socket?.name;if(t===void 0)return[];let n=i.links.get(O(a).find(e=>e.name===t)?.link??-1);return n?n.origin===`-10`?[{row:e,slot:n.originSlot}]:[]:[{row:e,slot:null}]})}function pi(e,t,n,r){return r.socket?$t(e,t,E(e,t).inputs.length,n,{name:r.socket.name,type:r.socket.type,widget:!0}):e}function mi(e,t,n){let{[t]:r,...i}=e.widgets_values_named??{},a=Array.isArray(e.widgets_values)?e.widgets_values:null,o=a&&n>=0&&!e.properties?.proxyWidgets?{widgets_values:a.filter((e,t)=>t!==n)}:{};return{...e,...o,...e.widgets_values_named?{widgets_values_named:i}:{}}}function hi(e,t){if(!C(e))return null;for(let n of t){let t=e[n]??e[n.replace(/-.*/,``)];if(C(t))return C(t.nodeDefs)?t.nodeDefs:null;if(/^en\b/.test(n))return null}return null}var gi=(e,t)=>C(e)&&typeof e[t]==`string`&&e[t]?e[t]:void 0;function _i(e,t,n){let r=hi(t,n);if(!r||!C(e))return e;let i=Object.entries(e).map(([e,t])=>{let n=r[e];if(!C(t)||!C(n))return[e,t];let i=C(n.inputs)?n.inputs:{},a=C(n.outputs)?n.outputs:{},o=e=>Object.fromEntries(Object.entries(C(e)?e:{}).map(([e,t])=>[e,vi(t,i[e])])),s=C(t.input)?t.input:{},c=Array.isArray(t.output_name)?t.output_name:[];return[e,{...t,display_name:gi(n,`display_name`)??t.display_name,description:gi(n,`description`)??t.description,input:{...s,required:o(s.required),optional:o(s.optional)},output_name:c.map((e,t)=>gi(a[String(t)],`name`)??e),search_aliases:[...Array.isArray(t.search_aliases)?t.search_aliases:[],t.display_name??e]}]});return Object.fromEntries(i)}function vi(e,t){if(!Array.isArray(e)||!C(t))return e;let[n,r]=e,i=C(r)?r:{};return[n??null,{...i,display_name:gi(t,`name`)??i.display_name,tooltip:gi(t,`tooltip`)??i.tooltip}]}var yi=class extends Error{status;body;constructor(e,t,n){super(e),this.status=t,this.body=n,this.name=`ServerError`}},bi=e=>new URL(e,document.baseURI).href;async function H(e,t,n){let r;try{r=await fetch(bi(t),{method:e,...n===void 0?{}:{body:n}})}catch{throw new yi(`The server cannot be reached.`,0,null)}if(r.ok)return r;let i=await r.text(),a=null;try{a=S(i)}catch{}let o=C(a)?a.error:void 0;throw new yi((C(o)?String(o.message??``):typeof o==`string`?o:i.slice(0,300))||`The server answered ${r.status} to ${e} ${t}.`,r.status,a)}async function U(e){return S(await(await H(`GET`,e)).text())}var xi=e=>Array.isArray(e)?e:[],Si=()=>U(`api/object_info`);async function Ci(e){let t=S(await(await H(`POST`,`api/prompt`,ce(e))).text()),n=C(t)?t:{};return C(n.node_errors)?n.node_errors:{}}var wi=e=>C(e)&&typeof e.filename==`string`?{filename:e.filename,subfolder:String(e.subfolder??``),type:String(e.type??`output`)}:null;async function Ti(e=100){let t=await U(`api/jobs?limit=${e}`),n=e=>typeof e==`number`?e:null;return xi(C(t)?t.jobs:void 0).flatMap(e=>{if(!C(e))return[];let t=wi(e.preview_output),r=C(e.execution_error)?e.execution_error:null;return[{id:String(e.id),status:e.status,created:n(e.create_time)??0,started:n(e.execution_start_time),ended:n(e.execution_end_time),preview:t&&{...t,mediaType:C(e.preview_output)?String(e.preview_output.mediaType??`images`):`images`},outputs:n(e.outputs_count)??0,error:r?String(r.exception_message??r.message??`failed`).trim():null}]})}async function Ei(e){let t=await U(`api/jobs/${encodeURIComponent(e)}`),n=C(t)?t:{},r=C(n.workflow)?n.workflow:{},i=C(r.extra_data)&&C(r.extra_data.extra_pnginfo)?r.extra_data.extra_pnginfo:{};return{outputs:C(n.outputs)?n.outputs:{},workflow:C(i.workflow)?i.workflow:null,prompt:C(r.prompt)?r.prompt:null}}var Di=e=>H(`POST`,`api/jobs/${encodeURIComponent(e)}/cancel`),Oi=()=>H(`POST`,`api/interrupt`,`{}`),ki=()=>H(`POST`,`api/queue`,`{"clear":true}`),Ai=e=>H(`POST`,`api/history`,ce({delete:[e]})),ji=()=>H(`POST`,`api/history`,`{"clear":true}`),Mi=()=>H(`POST`,`api/free`,`{"unload_models":true,"free_memory":true}`),Ni=async()=>{let e=await U(`internal/logs/raw`);return xi(C(e)?e.entries:void 0).map(e=>C(e)?String(e.m??``):String(e))},Pi=async()=>xi(await U(`api/models`)).map(String),Fi=async e=>xi(await U(`api/models/${encodeURIComponent(e)}`)).map(String),Ii=async()=>xi(await U(`internal/files/output`)).filter(e=>typeof e==`string`);function W(e,t){let n=new URLSearchParams({filename:e.filename,subfolder:e.subfolder,type:e.type});return t!==void 0&&n.set(`rand`,String(t)),bi(`api/view?${n}`)}async function Li(e){let t=new FormData;t.append(`image`,e,e.name||`pasted.png`),t.append(`type`,`input`);let n=S(await(await H(`POST`,`api/upload/image`,t)).text()),r=wi(C(n)?{...n,filename:n.name}:null);if(!r)throw new yi(`The server did not say what it called the file.`,200,n);return r.subfolder?`${r.subfolder}/${r.filename}`:r.filename}async function Ri(e,t){let n=new FormData;n.append(`image`,e,`clipspace-mask-${Date.now()}.png`),n.append(`type`,`input`),n.append(`subfolder`,`clipspace`),n.append(`original_ref`,JSON.stringify(t));let r=S(await(await H(`POST`,`api/upload/mask`,n)).text()),i=wi(C(r)?{...r,filename:r.name}:null);if(!i)throw new yi(`The server did not say what it called the file.`,200,r);return`${i.subfolder?`${i.subfolder}/`:``}${i.filename} [${i.type}]`}var zi=`workflows`,Bi=e=>`api/userdata/${encodeURIComponent(`${zi}/${e}`)}`;async function Vi(){let e;try{e=await U(`api/userdata?dir=${zi}&recurse=true&split=false&full_info=true`)}catch(e){if(e instanceof yi&&e.status===404)return[];throw e}return xi(e).flatMap(e=>C(e)?[{name:String(e.path),modified:Number(e.modified)||0}]:[]).filter(e=>e.name.endsWith(`.json`)).sort((e,t)=>t.modified-e.modified)}var Hi=e=>U(Bi(e)),Ui=e=>H(`DELETE`,Bi(e)),Wi=(e,t)=>H(`POST`,`${Bi(e)}/move/${encodeURIComponent(`${zi}/${t}`)}?overwrite=false`);async function Gi(e,t,n){try{return await H(`POST`,`${Bi(e)}?overwrite=${n}&full_info=true`,ce(t,2)),!0}catch(e){if(e instanceof yi&&e.status===409)return!1;throw e}}var Ki=`subgraphs`,qi=e=>`api/userdata/${encodeURIComponent(`${Ki}/${e}.json`)}`;async function Ji(){let[e,t]=await Promise.all([U(`api/userdata?dir=${Ki}&recurse=true&split=false`).catch(e=>{if(e instanceof yi&&e.status===404)return[];throw e}),U(`api/global_subgraphs`)]),n=xi(e).flatMap(e=>typeof e==`string`&&e.endsWith(`.json`)?[{id:e,name:e.slice(0,-5),own:!0}]:[]),r=Object.entries(C(t)?t:{}).flatMap(([e,t])=>C(t)?[{id:e,name:String(t.name??e),own:!1}]:[]);return[...n,...r].sort((e,t)=>e.name.localeCompare(t.name))}async function Yi({id:e,name:t,own:n}){if(n){let e=await U(qi(t));return C(e)?e:{}}let r=await U(`api/global_subgraphs/${encodeURIComponent(e)}`),i=C(r)?r.data:void 0,a=typeof i==`string`?S(i):i;return C(a)?a:{}}async function Xi(e,t,n){try{return await H(`POST`,`${qi(e)}?overwrite=${n}`,ce(t,2)),!0}catch(e){if(e instanceof yi&&e.status===409)return!1;throw e}}var Zi=e=>H(`DELETE`,qi(e)),Qi=()=>U(`api/i18n`),$i=y()(()=>({notices:[],question:null})),ea=1;function G(e,t=`info`){let n={id:ea++,kind:t,text:e};$i.setState(({notices:e})=>({notices:[...e.slice(-3),n]})),setTimeout(()=>ta(n.id),t===`error`?1e4:4e3)}var ta=e=>$i.setState(({notices:t})=>({notices:t.filter(t=>t.id!==e)})),K=e=>G(e instanceof Error?e.message:String(e),`error`),na=(e,t,n=`OK`)=>new Promise(r=>$i.setState({question:{title:e,value:t,yes:n,answer:r}})),ra=(e,t,n,r=!1)=>new Promise(i=>$i.setState({question:{title:e,text:t,yes:n,danger:r,answer:e=>i(e!==null)}})),ia={supports_preview_metadata:!0,supports_progress_text_metadata:!0};function aa(e,t){let n=null,r=!1,i=0,a,o=()=>{t.connection(i===0?`connecting`:`lost`);let s=new URL(bi(`ws`));s.protocol=s.protocol.replace(`http`,`ws`),s.searchParams.set(`clientId`,e);let c=new WebSocket(s);n=c,c.binaryType=`arraybuffer`,c.onopen=()=>{i=0,c.send(JSON.stringify({type:`feature_flags`,data:ia})),t.connection(`open`)},c.onmessage=({data:e})=>typeof e==`string`?oa(e,t):sa(e,t),c.onclose=()=>{r||(t.connection(`lost`),a=setTimeout(o,Math.min(250*2**i++,3e3)))}};return o(),()=>{r=!0,clearTimeout(a),n?.close()}}function oa(e,t){let n;try{n=S(e)}catch{console.error(`the server sent a message that is no JSON`,e.slice(0,200));return}C(n)&&typeof n.type==`string`&&t.message(n.type,C(n.data)?n.data:{})}function sa(e,t){if(e.byteLength<8)return;let n=new DataView(e),r=n.getUint32(0);if(r===1){let r=n.getUint32(4)===2?`image/png`:`image/jpeg`;t.preview(``,``,new Blob([e.slice(8)],{type:r}))}else if(r===4){let r=n.getUint32(4),i=S(new TextDecoder().decode(e.slice(8,8+r)));if(!C(i))return;let a=String(i.image_type??`image/jpeg`);t.preview(String(i.display_node_id??i.node_id),String(i.prompt_id),new Blob([e.slice(8+r)],{type:a}))}else if(r===3){let r=new Uint8Array(e),i=(e,t)=>new TextDecoder().decode(r.subarray(e,t)),a=8+n.getUint32(4);if(a+4>r.length)return;let o=n.getUint32(a);t.message(`progress_text`,{prompt_id:i(8,a),node:i(a+4,a+4+o),text:i(a+4+o)})}}var ca={state:`waiting`,progress:null,preview:null,images:[],media:[],text:null,errors:[]},q=y()(()=>({connection:`connecting`,remaining:0,jobs:[],senders:{},current:null,runs:{},refusals:{}}));function la(){let e=sessionStorage.getItem(`burnish.client`)??crypto.randomUUID();return sessionStorage.setItem(`burnish.client`,e),e}var ua=la(),da=new Map;function fa(e,t,n){q.setState(({runs:r})=>({runs:{...r,[e]:{...r[e],[t]:n(r[e]?.[t]??ca)}}}))}function pa(e){q.setState(({runs:t,refusals:n})=>{let r=Object.entries(t[e]??{}).map(([e,t])=>[e,t.errors.length||t.state===`failed`?{...t,state:`waiting`,errors:[]}:t]),{[e]:i,...a}=n;return{runs:{...t,[e]:Object.fromEntries(r)},refusals:a}})}var J=e=>typeof e==`string`?e:e==null?``:String(e),ma=e=>Array.isArray(e)?e:[];function ha(e){return Object.fromEntries(Object.entries(e).map(([e,t])=>[e,ma(C(t)?t.errors:void 0).flatMap(e=>{if(!C(e))return[];let t=C(e.extra_info)?e.extra_info:{};return[{message:J(e.message),details:J(e.details),input:typeof t.input_name==`string`?t.input_name:null,trace:``}]})]))}function ga(e,t,n){for(let[n,r]of Object.entries(t))fa(e,n,e=>({...e,state:`failed`,errors:r}));n&&q.setState(({refusals:t})=>({refusals:{...t,[e]:n}}))}function _a(e){let t=e=>ma(e).flatMap(e=>C(e)&&typeof e.filename==`string`?[{filename:e.filename,subfolder:J(e.subfolder),type:J(e.type)||`output`}]:[]),n=e=>/\.(mp4|webm|mov|m4v|mkv)$/i.test(e.filename),r=[...t(e.images),...t(e.gifs),...t(e.video)],i=ma(e.text).map(J);return{images:r.filter(e=>!n(e)),media:[...r.filter(n).map(e=>({kind:`video`,file:e})),...t(e.audio).map(e=>({kind:`audio`,file:e}))],text:i.length?i.join(`
`):null}}function va(e,t,n){da.set(t,n),q.setState(({senders:n})=>({senders:{...n,[t]:e}}))}var ya=null,ba=!1;function xa(){return ya?(ba=!0,ya):(ya=Ti().then(e=>q.setState({jobs:e})).catch(e=>{q.getState().connection===`open`&&K(e)}).finally(()=>{ya=null,ba&&(ba=!1,xa())}),ya)}function Sa(e){return q.getState().senders[e]}var Ca=new Set,wa=e=>void Ca.add(e);function Ta(e,t){let n=Sa(e);n&&q.setState(({runs:e})=>{let t=Object.entries(e[n]??{}).map(([e,t])=>(t.preview&&URL.revokeObjectURL(t.preview),[e,{...t,preview:null,progress:null,state:t.state===`running`?`waiting`:t.state}]));return{runs:{...e,[n]:Object.fromEntries(t)}}}),q.setState(({current:t})=>({current:t?.job===e?null:t})),da.delete(e);for(let n of Ca)n(e,t);xa()}var Ea={status:e=>{let t=C(e.status)&&C(e.status.exec_info)?e.status.exec_info:{};q.setState({remaining:Number(t.queue_remaining)||0}),xa()},execution_start:({prompt_id:e})=>{let t=J(e);q.setState({current:{job:t,node:null,done:0,total:da.get(t)??0}});let n=Sa(t);n&&q.setState(({runs:e})=>({runs:{...e,[n]:Object.fromEntries(Object.entries(e[n]??{}).map(([e,t])=>[e,{...t,state:`waiting`,progress:null}]))}})),xa()},execution_cached:({prompt_id:e,nodes:t})=>{let n=Sa(J(e));if(q.setState(({current:e})=>({current:e&&{...e,done:e.done+ma(t).length}})),n)for(let e of ma(t))fa(n,J(e),e=>({...e,state:`done`,errors:[]}))},executing:({prompt_id:e,node:t,display_node:n})=>{let r=q.getState().current,i=J(e)||r?.job||``;if(t==null){r?.job===i&&q.setState({current:null}),xa();return}let a=J(n??t);q.setState(({current:e})=>({current:{job:i,node:a,done:e?.job===i?e.done:0,total:e?.job===i?e.total:da.get(i)??0}}));let o=Sa(i);o&&fa(o,a,e=>({...e,state:`running`,progress:null,errors:[]}))},progress_state:({prompt_id:e,nodes:t})=>{let n=Sa(J(e));if(!C(t))return;let r=0,i={},a=n?q.getState().runs[n]??{}:{};for(let e of Object.values(t)){if(!C(e))continue;let t=J(e.display_node_id??e.node_id),n=e.state===`finished`;n&&r++;let o=Number(e.max)||0,s=a[t]??ca,c=n?`done`:e.state===`error`?`failed`:`running`,l=n||o<=1?null:(Number(e.value)||0)/o;(s.state!==c||s.progress!==l)&&(i[t]={...s,state:c,progress:l})}n&&Object.keys(i).length&&q.setState(({runs:e})=>({runs:{...e,[n]:{...e[n],...i}}})),q.setState(({current:e})=>({current:e&&{...e,done:Math.max(r,e.done)}}))},progress:({prompt_id:e,node:t,value:n,max:r})=>{let i=Sa(J(e)),a=Number(r)||0;i&&a>1&&fa(i,J(t),e=>({...e,state:`running`,progress:(Number(n)||0)/a}))},progress_text:({prompt_id:e,node:t,text:n})=>{let r=Sa(J(e));r&&fa(r,J(t),e=>({...e,text:J(n)}))},executed:({prompt_id:e,node:t,display_node:n,output:r})=>{let i=Sa(J(e));i&&fa(i,J(n??t),e=>(e.preview&&URL.revokeObjectURL(e.preview),{...e,state:`done`,progress:null,preview:null,...C(r)?_a(r):{}}))},execution_success:({prompt_id:e})=>Ta(J(e),`success`),execution_interrupted:({prompt_id:e})=>{G(`Stopped.`),Ta(J(e),`interrupted`)},execution_error:e=>{let t=J(e.prompt_id),n=Sa(t),r=J(e.exception_message).trim()||J(e.exception_type)||`It failed.`;if(n){let t=ma(e.traceback).map(J).join(``);fa(n,J(e.node_id),n=>({...n,state:`failed`,errors:[{message:r,details:J(e.exception_type),input:null,trace:t}]}))}G(`${J(e.node_type)||`A node`} failed: ${r.split(`
`)[0]}`,`error`),e.timestamp!==void 0&&Ta(t,`error`)}};function Da(e){let t=!1;return aa(ua,{connection:n=>{q.setState({connection:n}),n===`lost`&&(t=!0),n===`open`&&(xa(),t&&e(),t=!1)},message:(e,t)=>Ea[e]?.(t),preview:(e,t,n)=>{let r=q.getState().current,i=Sa(t||r?.job||``),a=e||r?.node;if(!i||!a)return;let o=URL.createObjectURL(n);fa(i,a,e=>(e.preview&&URL.revokeObjectURL(e.preview),{...e,preview:o}))}})}var Oa=e=>e!==void 0&&(e.images.length>0||e.media.length>0||e.preview!==null||e.text!==null),ka=`burnish`,Aa=`session`;function ja(){return new Promise((e,t)=>{let n=indexedDB.open(ka,1);n.onupgradeneeded=()=>n.result.createObjectStore(Aa),n.onsuccess=()=>e(n.result),n.onerror=()=>t(n.error??Error(`the browser's database cannot be opened`))})}async function Ma(e,t){let n=await ja();try{return await new Promise((r,i)=>{let a=t(n.transaction(Aa,e).objectStore(Aa));a.onsuccess=()=>r(a.result),a.onerror=()=>i(a.error??Error(`the browser's database refused`))})}finally{n.close()}}var Na=e=>Ma(`readwrite`,t=>t.put(e,`tabs`)),Pa=async()=>{let e=await Ma(`readonly`,e=>e.get(`tabs`));return typeof e==`string`?e:null},Fa={theme:`system`,links:`spline`,release:`search`,snap:!1,minimap:!0,drag:`pan`,wheel:`zoom`,control:`after`,confirmDelete:!0,animate:!0,translate:!0,batch:1,auto:`off`,favourites:[],keys:{}},Y=y()(ee(()=>Fa,{name:`burnish.settings`})),Ia=(e,t)=>{Y.setState({[e]:t})},La=()=>{Y.setState(Fa,!0)};async function Ra(){let[e,t]=await Promise.all([Si(),Y.getState().translate?Qi():null,Ba().catch(K)]),{catalog:n,broken:r}=de.read(t===null?e:_i(e,t,navigator.languages));F.setState({catalog:n,ready:!0}),r.length&&G(`These node classes cannot be understood: ${r.join(`, `)}`,`error`)}var za=y()(()=>({list:[]})),Ba=async()=>za.setState({list:await Ji()});async function Va(e){let t=F.getState(),n=L(t),r=R(t).nodes.get(e);if(!r)return;let i=(await na(`Keep the subgraph as`,r.title??E(n,r.type).name,`Keep`))?.trim(),a=i?di(n,gn(I(t)),e,i):null;if(i&&a)try{if(!await Xi(i,a,!1)){if(!await ra(`Replace?`,`A subgraph "${i}" is kept already.`,`Replace`,!0))return;await Xi(i,a,!0)}await Ba(),G(`Kept "${i}". It is among the nodes now.`,`success`)}catch(e){K(e)}}async function Ha(e,t){try{let n=await Yi(e),r=[];z((e,i)=>{let a=Tr(e,i,n,t);return r=a.ids,a.doc}),B({nodes:r})}catch(e){K(e)}}async function Ua({name:e}){await ra(`Delete?`,`"${e}" will be gone from the server. Workflows that use it keep their copy.`,`Delete`,!0)&&await Zi(e).then(Ba).catch(K)}function Wa(e,t){let n=null;for(let r of e.layers.values()){let i=null;for(let n of r.nodes.values())for(let a of M(e,r,n,t).rows){if(!a.mode||a.mode===`fixed`||a.socket?.linked)continue;let o=vt(a.widget,a.value,a.mode);o!==void 0&&o!==a.value&&(i??=new Map(r.nodes),i.set(D(n),gt(e,i.get(D(n)),t,a.key,o)))}i&&(n??=new Map(e.layers)).set(r.id,{...r,nodes:i})}return n?{...e,layers:n}:e}function Ga(e,t,n){let r=E(t,``),i=new Date,a=e=>String(e).padStart(2,`0`),o={yyyy:String(i.getFullYear()),yy:a(i.getFullYear()%100),MM:a(i.getMonth()+1),M:String(i.getMonth()+1),dd:a(i.getDate()),d:String(i.getDate()),hh:a(i.getHours()),h:String(i.getHours()),mm:a(i.getMinutes()),m:String(i.getMinutes()),ss:a(i.getSeconds()),s:String(i.getSeconds())},s=e=>e.replace(/%([^%]+)%/g,(e,i)=>{if(i.startsWith(`date:`))return i.slice(5).replace(/yyyy|yy|MM|M|dd|d|hh|h|mm|m|ss|s/g,e=>o[e]??e);let a=i.lastIndexOf(`.`);if(a<1)return e;let s=i.slice(0,a),c=[...r.nodes.values()].find(e=>e.properties?.[`Node name for S&R`]===s||e.title===s||e.type===s),l=c&&M(t,r,c,n).rows.find(e=>e.key===i.slice(a+1));return l?.value===void 0?e:String(l.value).replace(/[/?<>\\:*|"\x00-\x1F\x7F]/g,`_`)}),c=e=>!C(e)||!C(e.inputs)||typeof e.inputs.filename_prefix!=`string`?e??null:{...e,inputs:{...e.inputs,filename_prefix:s(e.inputs.filename_prefix)}};return Object.fromEntries(Object.entries(e).map(([e,t])=>[e,c(t)]))}async function Ka({front:e=!1,targets:t,times:n=Y.getState().batch}={}){let{id:r}=I(F.getState());pa(r);for(let i=0;i<n;i++)if(!await qa(r,e,t))return}async function qa(e,t,n){let{catalog:r}=F.getState(),i=()=>{let t=F.getState().tabs.find(t=>t.id===e);if(!t)return;let n=Wa(t.history.present,r);n!==t.history.present&&yn(e,e=>({...e,history:{...e.history,present:n}}))};Y.getState().control===`before`&&i();let a=F.getState().tabs.find(t=>t.id===e)?.history.present;if(!a)return!1;try{let i=Ga(Xe(a,r),a,r),o=Object.keys(i).length;if(!o)throw new Se([`There is nothing to run: add nodes first (double-click the canvas).`]);let s=ur(a),c=crypto.randomUUID();va(e,c,o);let l=await Ci({client_id:ua,prompt_id:c,prompt:i,extra_data:{extra_pnginfo:{workflow:s}},...t?{front:t}:{},...n?{partial_execution_targets:n}:{}});xa();let u=ha(l);Object.keys(u).length&&(ga(e,u),G(`Part of the workflow does not run: see the errors.`,`error`))}catch(t){let n=t instanceof yi&&C(t.body)?t.body:{},r=C(n.node_errors)?ha(n.node_errors):{},i=C(n.error)&&C(n.error.extra_info)?n.error.extra_info:{};typeof i.node_id==`string`&&!r[i.node_id]&&(r[i.node_id]=[{message:t instanceof Error?t.message:``,details:``,input:null,trace:``}]);let a=Object.keys(r).length,o=t instanceof Error?t.message:String(t),s=a&&i.node_id===void 0?`${a===1?`A node`:`${a} nodes`} cannot run: see the errors.`:o;return ga(e,r,s),F.setState({side:`errors`}),G(s,`error`),!1}return Y.getState().control===`after`&&i(),!0}async function Ja(){let e=F.getState(),t=R(e),n=_n(I(e)),r=e.selection.nodes.filter(n=>e.catalog.spec(t.nodes.get(n)?.type??``)?.output);r.length?await Ka({targets:r.map(e=>n+e),times:1}):G(`Select nodes that save or show something, such as Save Image.`,`error`)}var Ya=()=>Oi().catch(K);async function Xa(){await ki().catch(K),await xa()}function Za(){let e=null,t=()=>{let{auto:t}=Y.getState(),n=q.getState().jobs.some(e=>e.status===`pending`||e.status===`in_progress`),r=L(F.getState());t===`off`||n||t===`change`&&r===e||Ka({times:1}).then(()=>{e=L(F.getState())})};wa((e,n)=>{n===`success`&&setTimeout(t,100)}),F.subscribe((e,n)=>{L(e)!==L(n)&&Y.getState().auto===`change`&&I(e).id===I(n).id&&setTimeout(t,400)}),Y.subscribe((n,r)=>{n.auto!==r.auto&&(e=null,t())})}var Qa=e=>e.replace(/\.json$/,``);async function $a(e=!1){let t=I(F.getState()),n=t.file;if(e||!n){let e=await na(`Save the workflow as`,Qa(t.file??t.name),`Save`);if(!e?.trim())return!1;n=`${Qa(e.trim())}.json`}let r=t.history.present;try{let e=n===t.file;if(!await Gi(n,ur(r),e)){if(!await ra(`Replace?`,`There is a workflow "${Qa(n)}" already.`,`Replace`,!0))return!1;await Gi(n,ur(r),!0)}}catch(e){return K(e),!1}let i=n;return yn(t.id,e=>({...e,file:i,name:Qa(i),saved:r})),G(`Saved "${Qa(i)}".`,`success`),!0}async function eo(e){let t=F.getState().tabs.find(t=>t.file===e);if(t)return Tn(t.id);try{ro(await Hi(e),Qa(e),e)}catch(e){K(e)}}async function to(e){let t=await na(`Rename the workflow`,Qa(e),`Rename`);if(!t?.trim()||`${Qa(t.trim())}.json`===e)return;let n=`${Qa(t.trim())}.json`;try{await Wi(e,n),F.setState(({tabs:t})=>({tabs:t.map(t=>t.file===e?{...t,file:n,name:Qa(n)}:t)}))}catch(e){K(e)}}async function no(e){if(await ra(`Delete?`,`"${Qa(e)}" will be gone from the server.`,`Delete`,!0))try{await Ui(e),F.setState(({tabs:t})=>({tabs:t.map(t=>t.file===e?{...t,file:null,saved:null}:t)}))}catch(e){K(e)}}function ro(e,t,n=null){try{let{catalog:r}=F.getState(),i=mn(Xn(e,r),t,n);wn(i);let a=io(i.history.present,r);return a.length&&(F.setState({side:`errors`}),G(`${a.length===1?`A node class is`:`${a.length} node classes are`} not on this server: ${a.slice(0,4).join(`, `)}${a.length>4?`...`:``}`,`error`)),i}catch(e){return K(e),null}}function io(e,t){let n=new Set;for(let r of e.layers.values())for(let i of r.nodes.values())Ee(e,i)===`real`&&!t.spec(i.type)&&n.add(i.type);return[...n].sort()}function ao(e,t){let n=[];for(let r of e.layers.values())for(let i of r.nodes.values()){if(i.mode===T.Muted||i.mode===T.Bypassed||Ee(e,i)!==`real`)continue;let a=M(e,r,i,t);for(let e of a.rows)e.widget.kind===`combo`&&!e.socket?.linked&&typeof e.value==`string`&&/\.\w+$/.test(e.value)&&(e.widget.options.includes(e.value)||n.push({layer:r.id,node:D(i),title:a.title,widget:e.key,value:e.value,options:e.widget.options}))}return n}async function oo(e,t=null){let n=e.name.replace(/\.[^.]+$/,``);try{if(/\.json$/i.test(e.name)||e.type===`application/json`){ro(S(await e.text()),n);return}let r=await Qr(e),i=r.get(`workflow`)??r.get(`prompt`),a=r.get(`parameters`);if(i)ro(S(i),n);else if(a)ro(Wn(a,F.getState().catalog),n);else if(e.type.startsWith(`image/`))await so(e,t);else throw Error(`"${e.name}" holds no workflow.`)}catch(e){K(e)}}async function so(e,t){let n=await Li(e);await Ra();let{catalog:r}=F.getState();if(!r.spec(`LoadImage`))throw Error(`This server has no node that loads pictures.`);z((e,i)=>Dt(e,i,gt(e,jt(r,`LoadImage`,t??[0,0],kt(e),e),r,`image`,n)))}function co(e,t){let n=document.createElement(`a`);n.href=URL.createObjectURL(new Blob([ce(t,2)],{type:`application/json`})),n.download=e,n.click(),setTimeout(()=>URL.revokeObjectURL(n.href),1e4)}function lo(e){let t=I(F.getState());co(`${t.name}.json`,ur(t.history.present,e??t.history.present.version))}function uo(){let e=F.getState();try{co(`${I(e).name} (API).json`,Xe(L(e),e.catalog))}catch(e){K(e)}}async function fo(e){let t=F.getState().tabs.find(t=>t.id===e);t&&(!vn(t)||await ra(`Close without saving?`,`"${t.name}" has changes that are not saved.`,`Close`,!0))&&En(e)}async function po(e){try{let{workflow:t,prompt:n}=await Ei(e),r=t??n;r?ro(r,`Job ${e.slice(0,8)}`):G(`The server kept no workflow of this job.`,`error`)}catch(e){K(e)}}function mo(){let e,t=()=>{let{tabs:e,active:t}=F.getState();Na(ce({tabs:e.map(e=>({id:e.id,name:e.name,file:e.file,dirty:vn(e),doc:ur(e.history.present),...e.view?{view:{...e.view}}:{}})),active:t})).catch(K)};F.subscribe((n,r)=>{(n.tabs!==r.tabs||n.active!==r.active)&&(clearTimeout(e),e=setTimeout(t,300))}),addEventListener(`pagehide`,t)}async function ho(){let e=await Pa(),t=e===null?null:S(e);if(!C(t)||!Array.isArray(t.tabs))return;let{catalog:n}=F.getState(),r=t.tabs.flatMap(e=>{if(!C(e)||!C(e.doc))return[];let t=Xn(e.doc,n),r=mn(t,String(e.name),typeof e.file==`string`?e.file:null),i=C(e.view)?{x:Number(e.view.x),y:Number(e.view.y),zoom:Number(e.view.zoom)}:null,a=e.dirty===!0?{...t}:r.saved;return[{...r,id:String(e.id),saved:a,view:i}]});r.length&&F.setState({tabs:r,active:r.some(e=>e.id===t.active)?String(t.active):r[0].id})}function go(){let e=F.getState(),{nodes:t,groups:n}=e.selection;if(!t.length&&!n.length)return!1;let r=ce(Cr(L(e),gn(I(e)),t,n));return _o=r,navigator.clipboard?.writeText(r).catch(()=>void 0),!0}var _o=null;function vo(e,t,n){let r;try{r=S(e)}catch{return!1}if(wr(r)){let e=r,i=[];return z((r,a)=>{let o=Tr(r,a,e,t,n);return i=o.ids,o.doc}),B({nodes:i}),!0}return C(r)?ro(r,`Pasted`)!==null:!1}var yo=()=>_o;function bo(e=!1){let{selection:t}=F.getState(),{nodes:n,groups:r,links:i,reroutes:a}=t;z((t,o)=>{let s=new Set(n.filter(e=>E(t,o).nodes.get(e)?.flags?.pinned===!0)),c=Lt(t,o,n.filter(e=>!s.has(e)),e);i.length&&(c=It(c,o,i)),r.length&&(c=Kt(c,o,r));for(let e of a)c=Xt(c,o,e);return c}),B({})}function xo(){go()&&bo()}function So(){let e=F.getState(),t=R(e),n=e.selection.nodes.flatMap(e=>t.nodes.get(e)?.pos??[]);if(!n.length)return;let r=[Math.min(...n.filter((e,t)=>t%2==0))+32,Math.min(...n.filter((e,t)=>t%2==1))+32];vo(ce(Cr(L(e),gn(I(e)),e.selection.nodes)),r,!0)}function Co(){let e=F.getState(),t=R(e),n=e.selection.nodes.flatMap(e=>t.nodes.get(e)??[]);if(!n.length)return G(`Select the nodes that the group is to hold.`);let r=Math.min(...n.map(e=>e.pos[0]))-16,i=Math.min(...n.map(e=>e.pos[1]))-80,a=Math.max(...n.map(e=>e.pos[0]+e.size[0]))+16,o=Math.max(...n.map(e=>e.pos[1]+e.size[1]))+16;z((e,t)=>Wt(e,t,[r,i,a-r,o-i]))}async function wo(){let e=F.getState();if(!e.selection.nodes.length)return G(`Select the nodes that the subgraph is to hold.`);let t=await na(`Name of the subgraph`,`New subgraph`,`Create`);if(!t?.trim())return;let n=null;z((r,i)=>{let a=oi(r,i,e.selection.nodes,e.catalog,t.trim());return n=a?.id??null,a?.doc??r}),n!==null&&B({nodes:[n]})}function To(){let{catalog:e,selection:t}=F.getState(),n=[];z((r,i)=>{let a=r;for(let r of t.nodes){let t=si(a,i,r,e);t&&(a=t.doc,n=[...n,...t.ids])}return a}),n.length?B({nodes:n}):G(`Select a subgraph.`)}var Eo=y()(()=>({link:null}));function Do(e){document.querySelector(`.canvas`)?.setAttribute(`data-connecting`,``);for(let t of document.querySelectorAll(`.canvas .slot`)){let{side:n,type:r=`*`}=t.dataset,i=n!==e.side&&(e.side===`output`?j(e.type,r):j(r,e.type));t.toggleAttribute(`data-dim`,!i)}}function Oo(){document.querySelector(`.canvas`)?.removeAttribute(`data-connecting`);for(let e of document.querySelectorAll(`.canvas .slot[data-dim]`))e.removeAttribute(`data-dim`)}var ko={play:(0,V.jsx)(`path`,{d:`M4.5 2.8v10.4a.6.6 0 0 0 .9.5l8.3-5.2a.6.6 0 0 0 0-1L5.4 2.3a.6.6 0 0 0-.9.5Z`,fill:`currentColor`,stroke:`none`}),stop:(0,V.jsx)(`rect`,{x:`3.5`,y:`3.5`,width:`9`,height:`9`,rx:`1.5`,fill:`currentColor`,stroke:`none`}),nodes:(0,V.jsx)(`path`,{d:`M2.5 3.5h4v3h-4zM9.5 9.5h4v3h-4zM6.5 5h2a1 1 0 0 1 1 1v3.5a1.5 1.5 0 0 0 0 1.5`}),folder:(0,V.jsx)(`path`,{d:`M2 4.5a1 1 0 0 1 1-1h3l1.5 1.5H13a1 1 0 0 1 1 1v5.5a1 1 0 0 1-1 1H3a1 1 0 0 1-1-1z`}),box:(0,V.jsx)(`path`,{d:`m8 1.8 5.5 3v6.4L8 14.2l-5.5-3V4.800zM2.500 4.800 8 7.800l5.500-3M8 7.800v6.400`}),grid:(0,V.jsx)(`path`,{d:`M2.500 2.500h4.500v4.500h-4.500zM9 2.500h4.500v4.500H9zM2.500 9h4.500v4.500h-4.500zM9 9h4.500v4.500H9z`}),picture:(0,V.jsx)(`path`,{d:`M2.500 3h11v10h-11zM2.500 11l3.500-3.500 3 3 2-2 2.500 2.500M10.500 6v.1`}),clock:(0,V.jsx)(`path`,{d:`M8 4.500V8l2.500 1.500M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12Z`}),warn:(0,V.jsx)(`path`,{d:`M8 6v3.500M8 11.700v.1M7.100 2.500 1.700 12a1 1 0 0 0 .9 1.500h10.800a1 1 0 0 0 .9-1.500L8.900 2.500a1 1 0 0 0-1.800 0Z`}),info:(0,V.jsx)(`path`,{d:`M8 7.500V11M8 5v.1M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12Z`}),gear:(0,V.jsx)(`path`,{d:`M8 10.200a2.200 2.200 0 1 0 0-4.400 2.200 2.200 0 0 0 0 4.400ZM8 1.800v1.700M8 12.500v1.700M3.600 3.600l1.200 1.200M11.200 11.200l1.200 1.200M1.800 8h1.700M12.500 8h1.700M3.600 12.400l1.200-1.200M11.200 4.800l1.200-1.200`}),terminal:(0,V.jsx)(`path`,{d:`m3 5 3 3-3 3M8 11.500h5`}),close:(0,V.jsx)(`path`,{d:`m4 4 8 8M12 4l-8 8`}),plus:(0,V.jsx)(`path`,{d:`M8 3v10M3 8h10`}),search:(0,V.jsx)(`path`,{d:`m10.200 10.200 3.300 3.300M7 11.500a4.500 4.500 0 1 0 0-9 4.500 4.500 0 0 0 0 9Z`}),chevron:(0,V.jsx)(`path`,{d:`m5 6.500 3 3 3-3`}),right:(0,V.jsx)(`path`,{d:`m6.500 5 3 3-3 3`}),star:(0,V.jsx)(`path`,{d:`m8 2 1.800 3.800 4.200.5-3.100 2.900.8 4.100L8 11.300l-3.700 2 .8-4.100L2 6.300l4.200-.5z`}),trash:(0,V.jsx)(`path`,{d:`M3 4.500h10M6.500 4.500V3h3v1.500M4.500 4.500l.5 8.500h6l.5-8.500`}),open:(0,V.jsx)(`path`,{d:`M9 2.500h4.500V7M13.500 2.500 8 8M11.500 9.500v3.500h-8.500V4.500H6.500`}),save:(0,V.jsx)(`path`,{d:`M3 2.500h8L13.500 5v8.500H2.500V3zM5 13V9h6v4M5.500 2.500V5H10V2.500`}),undo:(0,V.jsx)(`path`,{d:`M5.500 3.500 2.500 6.500l3 3M2.500 6.500h7a4 4 0 0 1 0 8H8`,transform:`translate(0 -1)`}),redo:(0,V.jsx)(`path`,{d:`m10.500 3.500 3 3-3 3M13.500 6.500h-7a4 4 0 0 0 0 8H8`,transform:`translate(0 -1)`}),fit:(0,V.jsx)(`path`,{d:`M2.500 6V2.500H6M10 2.500h3.500V6M13.500 10v3.500H10M6 13.500H2.500V10`}),lock:(0,V.jsx)(`path`,{d:`M4 7.500h8v6H4zM5.500 7.500V5a2.500 2.500 0 0 1 5 0v2.500`}),map:(0,V.jsx)(`path`,{d:`M2.500 3.500 6 2.500l4 1 3.500-1v10L10 13.500l-4-1-3.500 1zM6 2.500v10M10 3.500v10`}),menu:(0,V.jsx)(`path`,{d:`M2.500 4.500h11M2.500 8h11M2.500 11.500h11`}),upload:(0,V.jsx)(`path`,{d:`M8 10.500V3M5 5.500 8 2.500l3 3M2.500 10.500v3h11v-3`}),download:(0,V.jsx)(`path`,{d:`M8 2.500V10M5 7.500l3 3 3-3M2.500 10.500v3h11v-3`}),dice:(0,V.jsx)(`path`,{d:`M3 3h10v10H3zM6 6v.1M10 6v.1M8 8v.1M6 10v.1M10 10v.1`}),pin:(0,V.jsx)(`path`,{d:`M6 2.500h4l-.5 4 2 2v1h-7v-1l2-2zM8 9.500v4.500`}),more:(0,V.jsx)(`path`,{d:`M3.500 8v.1M8 8v.1M12.500 8v.1`,strokeWidth:`2.200`}),layers:(0,V.jsx)(`path`,{d:`m8 2.500 6 3-6 3-6-3zM2 8.500l6 3 6-3M2 11.200l6 3 6-3`})};function X({name:e,size:t=16}){return(0,V.jsx)(`svg`,{className:`icon`,width:t,height:t,viewBox:`0 0 16 16`,fill:`none`,stroke:`currentColor`,strokeWidth:`1.3`,strokeLinecap:`round`,strokeLinejoin:`round`,"aria-hidden":`true`,children:ko[e]})}var Ao=y()(()=>({popup:null}));function jo(e,t){Ao.setState({popup:{at:e,content:t,from:document.activeElement}})}function Mo(){let{popup:e}=Ao.getState();e&&(Ao.setState({popup:null}),e.from instanceof HTMLElement&&e.from.isConnected&&e.from.focus({preventScroll:!0}))}function No(){let e=Ao(e=>e.popup),t=(0,x.useRef)(null),[n,r]=(0,x.useState)(null);return(0,x.useLayoutEffect)(()=>{if(r(null),!e||!t.current)return;let{width:n,height:i}=t.current.getBoundingClientRect(),a=`bottom`in e.at?e.at.bottom+4:e.at.y,o=`top`in e.at?e.at.top-i-4:innerHeight-i-8,s=a+i+8>innerHeight?Math.max(8,o):a;r({left:Math.max(8,Math.min(e.at.x,innerWidth-n-8)),top:s})},[e]),(0,x.useEffect)(()=>{if(!e)return;let t=e=>{e.target instanceof Element&&e.target.closest(`.popup`)||Mo()};return addEventListener(`pointerdown`,t,!0),addEventListener(`blur`,Mo),()=>{removeEventListener(`pointerdown`,t,!0),removeEventListener(`blur`,Mo)}},[e]),e?(0,V.jsx)(`div`,{ref:t,className:`popup`,style:n??{left:0,top:0,opacity:0},onKeyDown:e=>{e.stopPropagation(),e.key===`Escape`&&Mo()},children:e.content}):null}function Z(e,t){jo(e,(0,V.jsx)(Po,{items:t}))}function Po({items:e,back:t}){let n=(0,x.useRef)(null),[r,i]=(0,x.useState)(null);(0,x.useEffect)(()=>{t||n.current?.querySelector(`button:not([disabled])`)?.focus()},[t]);let a=(e,t)=>{let r=[...n.current?.querySelectorAll(`:scope > .menu-row > button:not([disabled])`)??[]];r[(r.indexOf(e)+t+r.length)%r.length]?.focus()};return(0,V.jsx)(`div`,{className:`menu`,role:`menu`,ref:n,onKeyDown:e=>{(e.key===`ArrowDown`||e.key===`ArrowUp`)&&(e.preventDefault(),e.stopPropagation(),a(e.target,e.key===`ArrowDown`?1:-1)),e.key===`ArrowLeft`&&t&&(e.stopPropagation(),t())},children:e.map((e,t)=>e===`-`?(0,V.jsx)(`hr`,{},t):`items`in e?(0,V.jsxs)(`div`,{className:`menu-row`,onPointerEnter:()=>i({index:t,focus:!1}),children:[(0,V.jsxs)(`button`,{type:`button`,role:`menuitem`,"aria-haspopup":`menu`,"aria-expanded":r?.index===t,onClick:()=>i({index:t,focus:!0}),onKeyDown:e=>{e.key===`ArrowRight`&&i({index:t,focus:!0})},children:[(0,V.jsx)(`span`,{children:e.label}),(0,V.jsx)(X,{name:`right`,size:12})]}),r?.index===t&&(0,V.jsx)(Fo,{items:e.items(),focus:r.focus,back:()=>i(null)})]},t):(0,V.jsx)(`div`,{className:`menu-row`,onPointerEnter:()=>i(null),children:(0,V.jsxs)(`button`,{type:`button`,role:e.checked===void 0?`menuitem`:`menuitemcheckbox`,"aria-checked":e.checked,disabled:e.disabled,"data-danger":e.danger||void 0,onClick:()=>{Mo(),e.run()},children:[e.colour&&(0,V.jsx)(`i`,{className:`swatch`,style:{background:e.colour}}),e.checked!==void 0&&(0,V.jsx)(`i`,{className:`tick`,children:e.checked?`✓`:``}),(0,V.jsx)(`span`,{children:e.label}),e.keys&&(0,V.jsx)(`kbd`,{children:e.keys})]})},t))})}function Fo({items:e,focus:t,back:n}){let r=(0,x.useRef)(null),[i,a]=(0,x.useState)({});return(0,x.useEffect)(()=>{let e=r.current?.getBoundingClientRect();e&&(a({...e.right>innerWidth-8?{left:`auto`}:{},...e.bottom>innerHeight-8?{top:innerHeight-8-e.bottom}:{}}),t&&r.current?.querySelector(`button:not([disabled])`)?.focus())},[t]),(0,V.jsx)(`div`,{className:`submenu`,ref:r,style:{...i.left?{left:`auto`,right:`100%`}:{},...i.top===void 0?{}:{top:i.top}},children:(0,V.jsx)(Po,{items:e,back:()=>{(r.current?.parentElement?.firstElementChild)?.focus(),n()}})})}function Io(e){let t=F.getState(),n=M(L(t),R(t),e,t.catalog),r=D(e);return[...n.inputs.map(e=>({node:r,side:`input`,slot:-1,name:e.name,type:e.type,widget:!1})),...n.rows.flatMap(e=>e.socket?[{node:r,side:`input`,slot:-1,name:e.socket.name,type:e.socket.type,widget:!0}]:[]),...n.outputs.map((e,t)=>({node:r,side:`output`,slot:t,name:e.name,type:e.type,widget:!1}))]}function Lo(){let e=F.getState(),t=R(e),n=L(e),[r]=e.selection.nodes,i=r===void 0?void 0:t.nodes.get(r);if(!i)return G(`Select the node to link.`);let a=[...t.nodes.values()].filter(e=>e!==i).map(r=>({title:M(n,t,r,e.catalog).title,id:D(r),sockets:Io(r)})),o=new Map;for(let{title:e}of a)o.set(e,(o.get(e)??0)+1);let s=e=>a.flatMap(t=>t.sockets.filter(t=>t.side!==e.side&&(e.side===`output`?j(e.type,t.type):j(t.type,e.type))).map(n=>{let[r,i]=e.side===`output`?[e,n]:[n,e];return{label:`${o.get(t.title)>1?`${t.title} ${t.id}`:t.title}: ${n.name}`,run:()=>An(r,i)}})),c=Io(i).map(e=>{let t=e.side===`input`?(i.inputs??[]).find(t=>t.name===e.name)?.link:void 0,n=t==null?[]:[{label:`Remove the link`,danger:!0,run:()=>z((e,n)=>It(e,n,[t]))}];return{label:e.side===`input`?`${e.name} from`:`${e.name} to`,items:()=>{let t=[...n,...s(e)];return t.length?t:[{label:`Nothing fits`,disabled:!0,run:()=>void 0}]}}}),l=document.querySelector(`.react-flow__node[data-id="${CSS.escape(D(i))}"]`)?.getBoundingClientRect();Z({x:l?.right??innerWidth/2,y:l?.top??innerHeight/2},c.length?c:[{label:`This node has no sockets`,disabled:!0,run:()=>void 0}])}var Ro=null,zo=null,Bo=e=>{Ro=e},Vo=e=>{zo=e},Ho=()=>matchMedia(`(prefers-reduced-motion: reduce)`).matches?0:180,Uo={padding:.12,maxZoom:1},Wo=e=>void Ro?.fitView({...Uo,duration:Ho(),...e?.length?{nodes:e.map(e=>({id:e}))}:{}}),Go=e=>void Ro?.zoomTo(Ro.getZoom()*e,{duration:Ho()}),Ko=e=>void Ro?.zoomTo(e,{duration:Ho()}),qo=e=>void Ro?.setCenter(e[0],e[1],{zoom:Ro.getZoom(),duration:0}),Jo=e=>void Ro?.setViewport(e),Yo=e=>{let t=Ro?.screenToFlowPosition({x:e[0],y:e[1]},{snapToGrid:!1});return t?[Math.round(t.x),Math.round(t.y)]:e};function Xo(){let e=document.querySelector(`.react-flow`)?.getBoundingClientRect();return e?[e.x+e.width/2,e.y+e.height/2]:[innerWidth/2,innerHeight/2]}var Zo=()=>zo??Xo(),Qo=y()(()=>({far:!1})),$o=.35,es=()=>F.getState().selection.nodes,ts=e=>()=>z((t,n)=>Bt(t,n,es(),e)),ns=e=>()=>z((t,n)=>Vt(t,n,es(),e)),rs=e=>()=>F.setState(({panel:t})=>({panel:t===e?null:e})),is=e=>()=>F.setState(({side:t})=>({side:t===e?null:e})),as=e=>()=>z((t,n)=>Jn(t,n,F.getState().catalog,es(),e));function os(){let e=Zo();F.setState({add:{at:Yo(e),screen:e}})}function ss(e){let{tabs:t,active:n}=F.getState();Tn(t[(t.findIndex(e=>e.id===n)+e+t.length)%t.length].id)}function cs(e,t=`.json,.latent,.safetensors,image/*,video/*,audio/*,application/json`){let n=document.createElement(`input`);n.type=`file`,n.accept=t,n.onchange=()=>{for(let t of n.files??[])e(t)},n.click()}var ls=[{id:`run`,title:`Run`,keys:[`Ctrl+Enter`],section:`Run`,run:()=>void Ka(),always:!0},{id:`run-front`,title:`Run before all that waits`,keys:[`Ctrl+Shift+Enter`],section:`Run`,run:()=>void Ka({front:!0}),always:!0},{id:`run-selected`,title:`Run only what the selected nodes need`,keys:[`Ctrl+Alt+R`],section:`Run`,run:()=>void Ja()},{id:`interrupt`,title:`Stop the running job`,keys:[`Ctrl+Alt+Enter`],section:`Run`,run:()=>void Ya(),always:!0},{id:`clear-queue`,title:`Empty the queue`,keys:[],section:`Run`,run:()=>void Xa()},{id:`refresh`,title:`Read node classes and files again`,keys:[`R`],section:`Run`,run:()=>void Ra().then(()=>G(`Read again.`,`success`)).catch(K)},{id:`new`,title:`New workflow`,keys:[`Ctrl+Alt+N`],section:`File`,run:()=>wn(mn())},{id:`open`,title:`Open a file`,keys:[`Ctrl+O`],section:`File`,run:()=>cs(e=>void oo(e))},{id:`save`,title:`Save`,keys:[`Ctrl+S`],section:`File`,run:()=>void $a(),always:!0},{id:`save-as`,title:`Save as`,keys:[`Ctrl+Shift+S`],section:`File`,run:()=>void $a(!0),always:!0},{id:`export`,title:`Export the workflow`,keys:[],section:`File`,run:()=>lo()},{id:`export-1`,title:`Export in format 1.0`,keys:[],section:`File`,run:()=>lo(1)},{id:`export-api`,title:`Export for the API`,keys:[],section:`File`,run:uo},{id:`close`,title:`Close the tab`,keys:[`Alt+W`],section:`File`,run:()=>void fo(F.getState().active)},{id:`next-tab`,title:`Next tab`,keys:[`Alt+PageDown`,`Shift+ArrowRight`],section:`File`,run:()=>ss(1)},{id:`previous-tab`,title:`Previous tab`,keys:[`Alt+PageUp`,`Shift+ArrowLeft`],section:`File`,run:()=>ss(-1)},{id:`undo`,title:`Undo`,keys:[`Ctrl+Z`],section:`Edit`,run:Sn},{id:`redo`,title:`Redo`,keys:[`Ctrl+Y`,`Ctrl+Shift+Z`],section:`Edit`,run:Cn},{id:`copy`,title:`Copy`,keys:[`Ctrl+C`],section:`Edit`,run:()=>void go()},{id:`cut`,title:`Cut`,keys:[`Ctrl+X`],section:`Edit`,run:xo},{id:`duplicate`,title:`Duplicate, links kept`,keys:[`Ctrl+D`],section:`Edit`,run:So},{id:`delete`,title:`Delete`,keys:[`Delete`,`Backspace`],section:`Edit`,run:()=>bo()},{id:`dissolve`,title:`Delete and close the gap`,keys:[`Shift+Delete`],section:`Edit`,run:()=>bo(!0)},{id:`all`,title:`Select all`,keys:[`Ctrl+A`],section:`Edit`,run:()=>B({nodes:[...R(F.getState()).nodes.keys()],groups:R(F.getState()).groups.map(e=>e.id)})},{id:`add`,title:`Add a node`,keys:[`Tab`,`Shift+A`],section:`Nodes`,run:os},{id:`mute`,title:`Mute`,keys:[`Ctrl+M`],section:`Nodes`,run:ts(T.Muted)},{id:`bypass`,title:`Bypass`,keys:[`Ctrl+B`],section:`Nodes`,run:ts(T.Bypassed)},{id:`collapse`,title:`Collapse`,keys:[`Alt+C`],section:`Nodes`,run:ns(`collapsed`)},{id:`pin`,title:`Pin`,keys:[`P`],section:`Nodes`,run:ns(`pinned`)},{id:`link`,title:`Link, from a menu`,keys:[`L`],section:`Nodes`,run:Lo},{id:`rename`,title:`Rename`,keys:[`F2`],section:`Nodes`,run:()=>F.setState({renaming:es()[0]??null})},{id:`group`,title:`Group`,keys:[`Ctrl+G`],section:`Nodes`,run:Co},{id:`subgraph`,title:`Turn into a subgraph`,keys:[`Ctrl+Shift+E`],section:`Nodes`,run:()=>void wo()},{id:`unpack`,title:`Unpack the subgraph`,keys:[`Ctrl+Shift+U`],section:`Nodes`,run:To},{id:`arrange`,title:`Arrange`,keys:[`Alt+L`],section:`Nodes`,run:()=>z((e,t)=>Kn(e,t,F.getState().catalog,es().length>1?new Set(es()):void 0))},{id:`align-left`,title:`Align left`,keys:[],section:`Nodes`,run:as(`left`)},{id:`align-right`,title:`Align right`,keys:[],section:`Nodes`,run:as(`right`)},{id:`align-top`,title:`Align top`,keys:[],section:`Nodes`,run:as(`top`)},{id:`align-bottom`,title:`Align bottom`,keys:[],section:`Nodes`,run:as(`bottom`)},{id:`spread-columns`,title:`Spread sideways`,keys:[],section:`Nodes`,run:as(`columns`)},{id:`spread-rows`,title:`Spread up and down`,keys:[],section:`Nodes`,run:as(`rows`)},{id:`fit`,title:`Show all`,keys:[`.`],section:`View`,run:()=>Wo()},{id:`fit-selected`,title:`Show the selected nodes`,keys:[`Shift+.`],section:`View`,run:()=>Wo(es())},{id:`zoom-in`,title:`Zoom in`,keys:[`Alt+=`],section:`View`,run:()=>Go(1.25)},{id:`zoom-out`,title:`Zoom out`,keys:[`Alt+-`],section:`View`,run:()=>Go(.8)},{id:`leave`,title:`Leave the subgraph`,keys:[`Escape`],section:`View`,run:()=>On(I(F.getState()).path.length-1)},{id:`nodes`,title:`Nodes`,keys:[`N`],section:`View`,run:rs(`nodes`)},{id:`workflows`,title:`Workflows`,keys:[`W`],section:`View`,run:rs(`workflows`)},{id:`models`,title:`Models`,keys:[`M`],section:`View`,run:rs(`models`)},{id:`results`,title:`Results`,keys:[`A`],section:`View`,run:rs(`results`)},{id:`templates`,title:`Examples`,keys:[`T`],section:`View`,run:rs(`templates`)},{id:`jobs`,title:`Queue and history`,keys:[`Q`],section:`View`,run:is(`jobs`)},{id:`errors`,title:`Errors`,keys:[`E`],section:`View`,run:is(`errors`)},{id:`node`,title:`Node`,keys:[`I`],section:`View`,run:is(`node`)},{id:`logs`,title:`Logs`,keys:["Ctrl+`"],section:`View`,run:()=>F.setState(({logs:e})=>({logs:!e}))},{id:`minimap`,title:`Map`,keys:[`Alt+Shift+M`],section:`View`,run:()=>Ia(`minimap`,!Y.getState().minimap)},{id:`lock`,title:`Lock the canvas`,keys:[`H`],section:`View`,run:()=>F.setState(({locked:e})=>({locked:!e}))},{id:`settings`,title:`Settings`,keys:[`Ctrl+,`],section:`View`,run:()=>F.setState({dialog:`settings`})},{id:`shortcuts`,title:`Keys`,keys:[`Ctrl+Shift+K`,`?`],section:`View`,run:()=>F.setState({dialog:`shortcuts`})}],us=new Map(ls.map(e=>[e.id,e])),ds=e=>us.get(e)?.run();function fs(e){let t=Y.getState().keys[e.id];return t===void 0?e.keys:t?[t]:[]}function ps(e){let t=us.get(e);return t&&fs(t)[0]}function ms(e){let t=e.key===` `?`Space`:e.key.length===1?e.key.toUpperCase():e.key,n=e.key.length===1&&!/[a-z0-9]/i.test(e.key)&&!e.ctrlKey&&!e.altKey,r=e.altKey&&/^Key[A-Z]$/.test(e.code)?e.code.slice(3):e.ctrlKey&&e.code===`Backquote`?"`":e.altKey&&e.code===`Equal`?`=`:e.altKey&&e.code===`Minus`?`-`:e.shiftKey&&e.code===`Period`?`.`:t;return[e.ctrlKey||e.metaKey?`Ctrl+`:``,e.altKey?`Alt+`:``,e.shiftKey&&!(n&&e.code!==`Period`)?`Shift+`:``,r].join(``)}var hs=e=>e instanceof HTMLElement&&(e.matches(`input, textarea, select`)||e.isContentEditable);function gs(e){let t=ms(e),{dialog:n,add:r}=F.getState(),i=hs(e.target);if(document.querySelector(`dialog[open]`)||n||r)return;let a=ls.find(e=>fs(e).includes(t));!a||i&&!a.always||(a.id!==`add`||t!==`Tab`||e.target===document.body||e.target instanceof Element&&e.target.matches(`.react-flow, .react-flow__pane`))&&(a.id===`copy`&&getSelection()?.toString()||(e.preventDefault(),a.run()))}var _s=y()(()=>({open:null})),vs=(e,t)=>_s.setState({open:{file:e,done:t}}),ys=()=>_s.setState({open:null}),bs=40,xs=256<<20,Ss=`#19e3ff`;function Cs(){let e=_s(e=>e.open);return e&&(0,V.jsx)(ws,{...e},W(e.file))}function ws({file:e,done:t}){let n=(0,x.useRef)(null),r=(0,x.useRef)(null),i=(0,x.useRef)([]),a=(0,x.useRef)(null),[o,s]=(0,x.useState)(null),[c,l]=(0,x.useState)(24),[u,d]=(0,x.useState)(20),[f,p]=(0,x.useState)(!1),[m,h]=(0,x.useState)(0),[g,_]=(0,x.useState)(!1);(0,x.useEffect)(()=>n.current?.showModal(),[]),(0,x.useEffect)(()=>{let t=new Image;return t.onload=()=>{let{naturalWidth:e,naturalHeight:n}=t;s([e,n]),l(Math.max(2,Math.round(Math.min(e,n)/8))),requestAnimationFrame(()=>{let e=r.current?.getContext(`2d`,{willReadFrequently:!0});e&&(e.drawImage(t,0,0),Ts(e,e=>255-e))})},t.onerror=()=>K(Error(`"${e.filename}" cannot be shown.`)),t.src=W(e),()=>{t.onload=t.onerror=null}},[e]);let v=()=>r.current.getContext(`2d`,{willReadFrequently:!0}),y=()=>{let{width:e,height:t}=r.current,n=Math.max(1,Math.min(bs,Math.floor(xs/(e*t*4))));i.current=[...i.current,v().getImageData(0,0,e,t)].slice(-n),h(i.current.length)},b=()=>{let e=i.current.pop();e&&v().putImageData(e,0,0),h(i.current.length)},ee=e=>{y(),Ts(v(),e)},te=e=>{let t=e.currentTarget.getBoundingClientRect(),n=[(e.clientX-t.left)/t.width*e.currentTarget.width,(e.clientY-t.top)/t.height*e.currentTarget.height],r=a.current??n,i=v();i.globalCompositeOperation=f||e.buttons&2?`destination-out`:`source-over`;let o=c/2,s=Math.hypot(n[0]-r[0],n[1]-r[1]),l=Math.max(1,Math.ceil(s/Math.max(.5,o/4)));for(let e=1;e<=l;e++){let[t,a]=[r[0]+(n[0]-r[0])*e/l,r[1]+(n[1]-r[1])*e/l];if(u){let e=i.createRadialGradient(t,a,o*(1-u/100),t,a,o);e.addColorStop(0,Ss),e.addColorStop(1,`${Ss}00`),i.fillStyle=e}else i.fillStyle=Ss;i.beginPath(),i.arc(t,a,o,0,Math.PI*2),i.fill()}i.globalCompositeOperation=`source-over`,a.current=n},ne=async()=>{_(!0);try{let{width:n,height:i}=r.current,a=new OffscreenCanvas(n,i),o=a.getContext(`2d`);o.drawImage(r.current,0,0),Ts(o,e=>255-e);let s=await Ri(await a.convertToBlob({type:`image/png`}),e);await Ra(),t(s),ys()}catch(e){K(e),_(!1)}};return(0,V.jsxs)(`dialog`,{ref:n,className:`viewer mask`,"aria-label":`Mask of ${e.filename}`,onClose:ys,onKeyDown:e=>{if(e.stopPropagation(),(e.ctrlKey||e.metaKey)&&e.key===`z`)b();else if(e.key===`[`)l(e=>Math.max(1,Math.round(e/1.25)));else if(e.key===`]`)l(e=>Math.min(1e3,Math.ceil(e*1.25)));else if(e.key===`e`)p(e=>!e);else return;e.preventDefault()},children:[(0,V.jsx)(`div`,{className:`mask-stage`,children:o&&(0,V.jsxs)(`div`,{className:`mask-sheet`,style:{aspectRatio:`${o[0]} / ${o[1]}`,width:`min(92vw, calc((100vh - 120px) * ${o[0]/o[1]}))`},children:[(0,V.jsx)(`img`,{src:`${W(e)}&channel=rgb`,alt:e.filename,draggable:!1}),(0,V.jsx)(`canvas`,{ref:r,width:o[0],height:o[1],role:`img`,"aria-label":`Mask`,onContextMenu:e=>e.preventDefault(),onPointerDown:e=>{e.currentTarget.setPointerCapture(e.pointerId),y(),a.current=null,te(e)},onPointerMove:e=>e.buttons&&te(e)})]})}),(0,V.jsxs)(`footer`,{children:[(0,V.jsxs)(`div`,{className:`mask-tools`,children:[(0,V.jsx)(`button`,{type:`button`,className:`button`,"aria-pressed":!f,onClick:()=>p(!1),children:`Paint`}),(0,V.jsx)(`button`,{type:`button`,className:`button`,"aria-pressed":f,title:`E, or the right button`,onClick:()=>p(!0),children:`Erase`}),(0,V.jsxs)(`label`,{children:[`Size`,(0,V.jsx)(`input`,{type:`range`,min:1,max:Math.max(64,...o??[]),value:c,onChange:e=>l(Number(e.target.value))})]}),(0,V.jsxs)(`label`,{children:[`Softness`,(0,V.jsx)(`input`,{type:`range`,min:0,max:100,value:u,onChange:e=>d(Number(e.target.value))})]}),(0,V.jsx)(`button`,{type:`button`,className:`button`,onClick:()=>ee(e=>255-e),children:`Invert`}),(0,V.jsx)(`button`,{type:`button`,className:`button`,onClick:()=>ee(()=>0),children:`Clear`}),(0,V.jsx)(`button`,{type:`button`,className:`button`,disabled:!m,title:`Ctrl+Z`,onClick:b,children:`Undo`})]}),(0,V.jsx)(`span`,{className:`grow`}),(0,V.jsx)(`button`,{type:`button`,className:`button button-main`,disabled:!o||g,onClick:()=>void ne(),children:`Save the mask`}),(0,V.jsx)(`button`,{type:`button`,className:`icon-button`,"aria-label":`Close`,onClick:ys,children:(0,V.jsx)(X,{name:`close`})})]})]})}function Ts(e,t){let{width:n,height:r}=e.canvas,i=e.getImageData(0,0,n,r);for(let e=0;e<i.data.length;e+=4)i.data[e]=25,i.data[e+1]=227,i.data[e+2]=255,i.data[e+3]=t(i.data[e+3]);e.putImageData(i,0,0)}var Es=y()(()=>({open:null})),Ds=(e,t=0)=>{Es.setState({open:{files:e,at:t}})},Os={x:0,y:0,zoom:1};function ks(){let e=Es(e=>e.open);return e?(0,V.jsx)(As,{files:e.files,first:e.at},e.files.map(e=>e.filename).join()):null}function As({files:e,first:t}){let[n,r]=(0,x.useState)(t),[i,a]=(0,x.useState)(null),[o,s]=(0,x.useState)(.5),[c,l]=(0,x.useState)(Os),u=(0,x.useRef)(null);(0,x.useEffect)(()=>u.current?.showModal(),[]);let d=()=>Es.setState({open:null}),f=e[n],p=t=>{r(n=>(n+t+e.length)%e.length),l(Os)},m={transform:`translate(${c.x}px, ${c.y}px) scale(${c.zoom})`};return(0,V.jsxs)(`dialog`,{ref:u,className:`viewer`,"aria-label":f.filename,onClose:d,onKeyDown:e=>{e.stopPropagation(),e.key===`ArrowRight`&&p(1),e.key===`ArrowLeft`&&p(-1),(e.key===`+`||e.key===`=`)&&l(e=>({...e,zoom:e.zoom*1.25})),e.key===`-`&&l(e=>({...e,zoom:e.zoom/1.25})),e.key===`0`&&l(Os)},children:[(0,V.jsxs)(`div`,{className:`viewer-stage`,onWheel:e=>l(t=>({...t,zoom:Math.min(32,Math.max(.1,t.zoom*(e.deltaY<0?1.15:1/1.15)))})),onDoubleClick:()=>l(Os),onPointerDown:e=>e.currentTarget.setPointerCapture(e.pointerId),onPointerMove:e=>{if(e.buttons!==1)return;let{movementX:t,movementY:n}=e;if(i!==null&&!e.shiftKey){let t=e.currentTarget.getBoundingClientRect();s(Math.min(Math.max((e.clientX-t.left)/t.width,0),1))}else l(e=>({...e,x:e.x+t,y:e.y+n}))},children:[(0,V.jsx)(`img`,{src:W(f),alt:f.filename,style:{...m,imageRendering:c.zoom>2?`pixelated`:`auto`},draggable:!1}),i!==null&&(0,V.jsx)(`div`,{className:`viewer-over`,style:{clipPath:`inset(0 0 0 ${o*100}%)`},children:(0,V.jsx)(`img`,{src:W(e[i]),alt:e[i].filename,style:{...m,imageRendering:c.zoom>2?`pixelated`:`auto`},draggable:!1})}),i!==null&&(0,V.jsx)(`i`,{className:`viewer-split`,style:{left:`${o*100}%`}})]}),(0,V.jsxs)(`footer`,{children:[(0,V.jsx)(`span`,{className:`grow`,children:f.filename}),e.length>1&&(0,V.jsxs)(V.Fragment,{children:[(0,V.jsx)(`button`,{type:`button`,className:`button`,onClick:()=>p(-1),children:`Previous`}),(0,V.jsxs)(`span`,{children:[n+1,` of `,e.length]}),(0,V.jsx)(`button`,{type:`button`,className:`button`,onClick:()=>p(1),children:`Next`}),(0,V.jsx)(`button`,{type:`button`,className:`button`,"aria-pressed":i!==null,onClick:()=>a(t=>t===null?(n+1)%e.length:null),children:`Compare`})]}),(0,V.jsx)(`a`,{className:`button`,href:W(f),download:f.filename,children:`Save`}),(0,V.jsx)(`button`,{type:`button`,className:`icon-button`,"aria-label":`Close`,onClick:d,children:(0,V.jsx)(X,{name:`close`})})]})]})}function js(e,t){let n=t.trim().replace(`,`,`.`);if(e.kind===`int`&&/^[+-]?\d+$/.test(n))return Ns(e,BigInt(n));let r=Ms(n);return r===null?null:Ns(e,e.kind===`int`?BigInt(Math.round(r)):r)}function Ms(e){let t=e.match(/\d+\.?\d*(?:e[+-]?\d+)?|\.\d+|[-+*/()]/gi);if(!t||t.join(``)!==e.replace(/\s+/g,``))return null;let n=0,r=()=>{let e=i();for(;t[n]===`+`||t[n]===`-`;)e=t[n++]===`+`?e+i():e-i();return e},i=()=>{let e=a();for(;t[n]===`*`||t[n]===`/`;)e=t[n++]===`*`?e*a():e/a();return e},a=()=>{if(t[n]===`-`)return n++,-a();if(t[n]===`+`)return n++,a();if(t[n]===`(`){n++;let e=r();return t[n++]===`)`?e:NaN}return Number(t[n++]??NaN)},o=r();return n===t.length&&Number.isFinite(o)?o:null}function Ns(e,t){if(e.kind===`int`){let n=yt(t);return n<yt(e.min)?bt(yt(e.min)):bt(n>yt(e.max)?yt(e.max):n)}let n=Math.min(Math.max(Number(t),Number(e.min)),Number(e.max)),r=e.round??0;return Number(r>0?(Math.round(n/r)*r).toFixed(10):n.toFixed(10))}function Ps(e,t){if(typeof t==`bigint`)return String(t);if(typeof t!=`number`)return t==null?``:String(t);if(e.kind===`int`)return String(t);let n=Math.min(8,Math.max(1,Math.ceil(-Math.log10(e.round||e.step))));return t.toFixed(Number.isFinite(n)?n:2)}var Fs={fixed:{icon:`lock`,label:`Keep`},increment:{icon:`plus`,label:`Add a step`},decrement:{icon:`chevron`,label:`Take a step off`},randomize:{icon:`dice`,label:`Draw a new one`},"increment-wrap":{icon:`redo`,label:`Next, from the start at the end`}};function Is({row:e,setMode:t,wrap:n=!1}){if(!e.mode)return null;let r=Fs[e.mode];return(0,V.jsx)(`button`,{type:`button`,className:`w-mode nodrag`,"data-mode":e.mode,title:`After each run: ${r.label.toLowerCase()}`,"aria-label":`${e.label} after each run: ${r.label}`,onClick:r=>Z(r.currentTarget.getBoundingClientRect(),le.filter(e=>n||e!==`increment-wrap`).map(n=>({label:Fs[n].label,checked:e.mode===n,run:()=>t(n)}))),children:(0,V.jsx)(X,{name:r.icon,size:12})})}var Ls=0;function Rs({row:e,widget:t,disabled:n,set:r,setMode:i}){let[a,o]=(0,x.useState)(null),s=(0,x.useRef)(null),c=(0,x.useRef)(!1),l=e.value,u=typeof l==`bigint`||typeof l==`number`?l:0,d=(e,n)=>{r(Ns(t,t.kind===`int`?yt(u)+BigInt(Math.round(e*Math.max(1,t.step))):Number(u)+e*t.step),n)},f=()=>{let e=a===null?null:js(t,a);o(null),e!==null&&e!==l&&r(e)},p=e=>{if(e.button!==0||n)return;let i=e.currentTarget,a=e.clientX,s=u,d=`drag:${++Ls}`,f=!1,p=e=>{let n=e.clientX-a;if(!f&&Math.abs(n)<4)return;if(f=!0,t.display===`slider`){let{left:n,width:a}=i.getBoundingClientRect(),o=Math.min(Math.max((e.clientX-n)/a,0),1),s=Number(t.max)-Number(t.min);r(Ns(t,Number(t.min)+Math.round(o*s/t.step)*t.step),d);return}let o=Math.round(n/4*(e.shiftKey?10:1));r(Ns(t,t.kind===`int`?yt(s)+BigInt(o)*BigInt(Math.max(1,Math.round(t.step))):Number(s)+o*t.step),d)},m=()=>{removeEventListener(`pointermove`,p),removeEventListener(`pointerup`,m),f||(c.current=!1,o(Ps(t,l)))};addEventListener(`pointermove`,p),addEventListener(`pointerup`,m)},m=t.display===`slider`?(Number(u)-Number(t.min))/(Number(t.max)-Number(t.min)):null;return a===null?(0,V.jsxs)(`div`,{className:`w w-number nodrag`,"data-disabled":n||void 0,title:e.tooltip||void 0,children:[m!==null&&(0,V.jsx)(`i`,{className:`w-fill`,style:{width:`${Math.max(0,Math.min(1,m))*100}%`}}),(0,V.jsxs)(`div`,{ref:s,className:`w-face`,role:`spinbutton`,tabIndex:n?-1:0,"aria-label":e.label,"aria-disabled":n||void 0,"aria-valuenow":Number(u),"aria-valuetext":Ps(t,l),onPointerDown:p,onKeyDown:r=>{if(n||r.ctrlKey||r.metaKey||r.altKey)return;let i=r.shiftKey?10:1;if(r.key===`ArrowUp`||r.key===`ArrowRight`)d(i,`step:${e.key}`);else if(r.key===`ArrowDown`||r.key===`ArrowLeft`)d(-i,`step:${e.key}`);else if(r.key===`Enter`||r.key===`F2`||/^[-.\d]$/.test(r.key))c.current=r.key.length===1,o(c.current?r.key:Ps(t,l));else return;r.preventDefault(),r.stopPropagation()},children:[(0,V.jsx)(`span`,{className:`w-label`,children:e.label}),(0,V.jsx)(`span`,{className:`w-value`,children:n?``:Ps(t,l)})]}),!n&&(0,V.jsx)(Is,{row:e,setMode:i})]}):(0,V.jsx)(`div`,{className:`w w-typing nodrag`,children:(0,V.jsx)(`input`,{className:`nowheel`,"aria-label":e.label,autoFocus:!0,value:a,inputMode:`decimal`,onFocus:e=>c.current||e.currentTarget.select(),onChange:e=>o(e.target.value),onBlur:f,onKeyDown:e=>{e.stopPropagation(),e.key===`Enter`&&(f(),requestAnimationFrame(()=>document.activeElement===document.body&&s.current?.focus())),e.key===`Escape`&&o(null)}})})}var zs=e=>e==null?``:Array.isArray(e)?e.join(`, `):String(e),Bs=e=>e.replace(/\.(safetensors|ckpt|gguf|sft|pt|pth|bin)$/i,``),Vs=e=>typeof e==`string`&&/ \[(input|output|temp)\]$/.test(e);function Hs(e,t){let[,n=e,r=t]=/^(.*?)(?: \[(input|output|temp)\])?$/.exec(e)??[],i=n.lastIndexOf(`/`);return{filename:n.slice(i+1),subfolder:i<0?``:n.slice(0,i),type:r}}function Us({row:e,widget:t,disabled:n,set:r,setMode:i}){let a=(0,x.useRef)(null),o=zs(e.value),s=t.multiselect||Vs(e.value)||t.options.some(t=>t===e.value),c=n=>jo(n.getBoundingClientRect(),(0,V.jsx)(Ws,{row:e.value,widget:t,label:e.label,width:n.offsetWidth,choose:r})),l=n=>{let i=t.options.findIndex(t=>t===e.value),a=t.options[Math.min(Math.max(i+n,0),t.options.length-1)];a!==void 0&&a!==e.value&&r(a,`step:${e.key}`)};return(0,V.jsxs)(`div`,{className:`w w-combo nodrag`,"data-disabled":n||void 0,"data-unknown":!s&&!n||void 0,title:e.tooltip||void 0,children:[(0,V.jsxs)(`button`,{type:`button`,className:`w-face`,role:`combobox`,"aria-expanded":!1,"aria-haspopup":`listbox`,"aria-label":`${e.label}: ${o}`,disabled:n,onClick:e=>c(e.currentTarget.parentElement??e.currentTarget),onKeyDown:e=>{(e.key===`ArrowDown`||e.key===`ArrowUp`)&&(e.preventDefault(),e.stopPropagation(),l(e.key===`ArrowDown`?1:-1))},children:[(0,V.jsx)(`span`,{className:`w-label`,children:e.label}),(0,V.jsx)(`span`,{className:`w-value`,title:s?o:`${o} is not on this server`,children:n?``:Bs(o)}),!n&&(0,V.jsx)(X,{name:`chevron`,size:12})]}),!n&&(0,V.jsx)(Is,{row:e,setMode:i,wrap:!0}),t.upload&&!n&&(0,V.jsxs)(V.Fragment,{children:[(0,V.jsx)(`button`,{type:`button`,className:`w-mode`,"aria-label":`Upload ${t.upload}`,title:`Upload ${t.upload}`,onClick:()=>a.current?.click(),children:(0,V.jsx)(X,{name:`upload`,size:12})}),(0,V.jsx)(`input`,{ref:a,type:`file`,hidden:!0,accept:`${t.upload}/*`,onChange:async e=>{let[t]=e.target.files??[];if(e.target.value=``,t)try{let e=await Li(t);await Ra(),r(e)}catch(e){K(e)}}})]})]})}function Ws({row:e,widget:t,label:n,width:r,choose:i}){let[a,o]=(0,x.useState)(``),[s,c]=(0,x.useState)(t.multiselect&&Array.isArray(e)?e:[]),l=(0,x.useMemo)(()=>sn(a,t.options,e=>[zs(e)]),[a,t]),[u,d]=(0,x.useState)(()=>Math.max(0,t.options.findIndex(t=>t===e))),f=(0,x.useRef)(null);(0,x.useEffect)(()=>{f.current?.children[u]?.scrollIntoView({block:`nearest`})},[u,l]);let p=n=>{if(n!==void 0){if(t.multiselect){let e=s.includes(n)?s.filter(e=>e!==n):[...s,n];c(e),i(e)}else Mo(),n!==e&&i(n)}};return(0,V.jsxs)(`div`,{className:`choices`,style:{minWidth:Math.max(r,200)},children:[(0,V.jsx)(`input`,{autoFocus:!0,type:`search`,role:`combobox`,"aria-expanded":!0,"aria-controls":`choices`,"aria-activedescendant":`choice-${u}`,"aria-label":`Search ${n}`,placeholder:`Search`,value:a,onChange:e=>{o(e.target.value),d(0)},onKeyDown:e=>{if(e.key===`ArrowDown`)d(e=>Math.min(e+1,l.length-1));else if(e.key===`ArrowUp`)d(e=>Math.max(e-1,0));else if(e.key===`Enter`)p(l[u]);else return;e.preventDefault()}}),(0,V.jsx)(`div`,{className:`choices-list`,role:`listbox`,id:`choices`,"aria-label":n,ref:f,children:l.slice(0,500).map((n,r)=>(0,V.jsxs)(`div`,{id:`choice-${r}`,role:`option`,"aria-selected":t.multiselect?s.includes(n):n===e,"data-at":r===u||void 0,onPointerMove:()=>d(r),onClick:()=>p(n),children:[t.upload===`image`&&(0,V.jsx)(`img`,{loading:`lazy`,alt:``,src:W(Hs(zs(n),t.folder))}),(0,V.jsx)(`span`,{children:zs(n)})]},r))}),!l.length&&(0,V.jsx)(`p`,{className:`empty`,children:t.options.length?`Nothing is called so.`:`There is nothing to choose from on this server.`})]})}function Gs(e){let t=e.rows.find(e=>e.widget.kind===`combo`&&e.widget.upload===`image`);return t?.widget.kind!==`combo`||typeof t.value!=`string`||t.value===``||t.socket?.linked?null:{file:Hs(t.value,t.widget.folder),row:t.key}}var Ks=e=>Gs(e.face)?.file??null;function qs({data:e,run:t,style:n}){let[r,i]=(0,x.useState)(0),[a,o]=(0,x.useState)(``),s=Ks(e),c=t.images.length?t.images:s?[s]:[],l=c[Math.min(r,c.length-1)];if((0,x.useEffect)(()=>i(0),[t.images]),t.preview)return(0,V.jsx)(`div`,{className:`preview`,style:n,children:(0,V.jsx)(`img`,{src:t.preview,alt:`Preview of what is being made`,draggable:!1})});let u=t.media[0];return u?(0,V.jsx)(`div`,{className:`preview nodrag`,style:n,children:u.kind===`video`?(0,V.jsx)(`video`,{src:W(u.file),controls:!0,loop:!0,muted:!0}):(0,V.jsx)(`audio`,{src:W(u.file),controls:!0})}):l?(0,V.jsxs)(`div`,{className:`preview`,style:n,children:[(0,V.jsx)(`img`,{src:W(l,t.images.length?l.filename:void 0),alt:l.filename,draggable:!1,onLoad:e=>o(`${e.currentTarget.naturalWidth} × ${e.currentTarget.naturalHeight}`),onDoubleClick:e=>{e.stopPropagation(),Ds(c,r)}}),(0,V.jsxs)(`footer`,{children:[c.length>1&&(0,V.jsxs)(`button`,{type:`button`,className:`nodrag`,"aria-label":`Next picture`,onClick:()=>i(e=>(e+1)%c.length),children:[r+1,` of `,c.length]}),(0,V.jsx)(`span`,{children:a}),(0,V.jsx)(`button`,{type:`button`,className:`nodrag`,"aria-label":`View`,title:`View (double-click)`,onClick:()=>Ds(c,r),children:(0,V.jsx)(X,{name:`fit`,size:12})})]})]}):t.text===null?null:(0,V.jsx)(`div`,{className:`preview preview-text nodrag nowheel`,style:n,tabIndex:0,children:t.text})}function Q(e,t={}){let n=ls.find(t=>t.id===e),r=ps(e);return{label:n.title,...r?{keys:r}:{},run:()=>ds(e),...t}}var Js=e=>({x:e.clientX,y:e.clientY});function Ys(e,t){let n=``;z((r,i)=>{let a=jt(F.getState().catalog,e,t,kt(r),r);return n=String(a.id),Dt(r,i,a)}),B({nodes:[n]})}function Xs(e){let t={branches:new Map,nodes:[]};for(let e of F.getState().catalog.specs.values()){let n=t;for(let t of e.category.split(`/`).filter(Boolean))n.branches.has(t)||n.branches.set(t,{branches:new Map,nodes:[]}),n=n.branches.get(t);n.nodes.push({type:e.class,title:e.title})}let n=t=>[...[...t.branches].sort(([e],[t])=>e.localeCompare(t)).map(([e,t])=>({label:e,items:()=>n(t)})),...t.nodes.sort((e,t)=>e.title.localeCompare(t.title)).map(t=>({label:t.title,run:()=>Ys(t.type,e)}))];return n(t)}function Zs(e){let t=Yo([e.clientX,e.clientY]),n=yo();Z(Js(e),[Q(`add`),{label:`Add from category`,items:()=>Xs(t)},{label:`Add`,items:()=>[{label:`Note`,run:()=>Ys(`MarkdownNote`,t)},{label:`Reroute`,run:()=>Ys(`Reroute`,t)},{label:`Primitive`,run:()=>Ys(`PrimitiveNode`,t)}]},`-`,{label:`Paste`,keys:`Ctrl+V`,disabled:n===null,run:()=>n!==null&&void vo(n,t,!1)},Q(`all`),Q(`arrange`,{label:`Arrange all`}),`-`,Q(`fit`),Q(`group`,{disabled:F.getState().selection.nodes.length===0})])}function Qs(e){let t=F.getState(),n=t.selection.nodes,r=R(t),i=n.length===1?r.nodes.get(n[0]):void 0,a=i?Gs(M(L(t),r,i,t.catalog)):null,o=i!==void 0&&Ee(L(t),i)===`subgraph`;Z(Js(e),[...i&&o?[{label:`Open`,run:()=>Dn({node:String(i.id),layer:i.type})},Q(`unpack`)]:[],...a&&i?[{label:`Edit the mask`,run:()=>vs(a.file,e=>z((n,r)=>P(n,r,[D(i)],r=>gt(n,r,t.catalog,a.row,e))))}]:[],...i?[Q(`rename`),{label:`About this node`,keys:`I`,run:()=>F.setState({side:`node`})}]:[],...i?$s(D(i)):[],...o&&i?[{label:`Keep for other workflows...`,run:()=>void Va(D(i))}]:[],...i?[Q(`link`)]:[],Q(`run-selected`),`-`,Q(`bypass`),Q(`mute`),Q(`collapse`),Q(`pin`),{label:`Colour`,items:()=>[{label:`None`,run:()=>z((e,t)=>Ut(e,t,n,null))},...Fn.map(e=>({label:e.name,colour:e.body,run:()=>z((t,r)=>Ut(t,r,n,e))}))]},...n.length>1?[{label:`Align`,items:()=>[`align-left`,`align-right`,`align-top`,`align-bottom`,`spread-columns`,`spread-rows`,`arrange`].map(e=>Q(e))}]:[],`-`,Q(`copy`),Q(`duplicate`),Q(`group`),Q(`subgraph`),`-`,Q(`dissolve`),Q(`delete`,{danger:!0})])}function $s(e){let t=F.getState(),n=gn(I(t)),r=fi(L(t),n,e,t.catalog);return r.length?[{label:`Show outside`,items:()=>r.map(({row:n,slot:r})=>({label:n.label,checked:r!==null,run:()=>z((i,a)=>r===null?pi(i,a,e,n):li(i,a,`inputs`,r,t.catalog))}))}]:[]}function ec(e,t){Z(Js(e),[{label:`Add a reroute point`,run:()=>z((e,n)=>Jt(e,n,t,Yo(Zo())))},{label:`Remove the link`,danger:!0,run:()=>z((e,n)=>It(e,n,[t]))}])}var tc=[[`Blue`,`#3f789e`],[`Purple`,`#a1309b`],[`Orange`,`#b06634`],[`Green`,`#3f9e5c`],[`Moss`,`#88aa88`],[`Yellow`,`#b58b2a`],[`Red`,`#aa3333`],[`Grey`,`#444444`]];function nc(e,t){let n=R(F.getState()),r=n.groups.find(e=>e.id===t);if(!r)return;let i=qt(n,r.bounding),a=i.flatMap(e=>n.nodes.get(e)??[]);Z(Js(e),[{label:`Select its nodes`,run:()=>B({nodes:i,groups:[t]})},{label:`Fit to its nodes`,disabled:!a.length,run:()=>{let e=Math.min(...a.map(e=>e.pos[0]))-16,n=Math.min(...a.map(e=>e.pos[1]))-80,r=Math.max(...a.map(e=>e.pos[0]+e.size[0]))+16,i=Math.max(...a.map(e=>e.pos[1]+e.size[1]))+16;z((a,o)=>Gt(a,o,t,{bounding:[e,n,r-e,i-n]}))}},{label:`Bypass its nodes`,run:()=>z((e,t)=>Bt(e,t,i,T.Bypassed))},{label:`Mute its nodes`,run:()=>z((e,t)=>Bt(e,t,i,T.Muted))},{label:`Colour`,items:()=>tc.map(([e,n])=>({label:e,colour:n,run:()=>z((e,r)=>Gt(e,r,t,{color:n}))}))},`-`,{label:`Remove the group`,danger:!0,run:()=>z((e,n)=>Kt(e,n,[t]))}])}function rc({side:e,id:t,type:n,y:r,linked:i,label:a,bad:o,small:c,isList:l}){let f=u(),p=d(),h=e=>{let n=p.getState(),r=n.edges.filter(e=>e.source===f&&e.sourceHandle===t),[i]=r;i&&(e.stopPropagation(),s.onPointerDown(e.nativeEvent,{autoPanOnConnect:n.autoPanOnConnect,connectionMode:n.connectionMode,connectionRadius:n.connectionRadius,domNode:n.domNode,handleId:i.targetHandle??null,nodeId:i.target,nodeLookup:n.nodeLookup,isTarget:!0,edgeUpdaterType:`target`,lib:n.lib,flowId:n.rfId,cancelConnection:n.cancelConnection,panBy:n.panBy,isValidConnection:e=>p.getState().isValidConnection?.(e)??!0,onConnect:e=>{let n=kn(e.source,e.sourceHandle);if(!n||e.source===f&&e.sourceHandle===t)return;let a=`relink:${i.id}`;for(let t of r){let r=kn(t.target,t.targetHandle);r&&t.target!==e.source&&j(n.type,r.type)&&An(n,r,a)}xn()},onConnectStart:n.onConnectStart,onConnectEnd:Oo,updateConnection:n.updateConnection,getTransform:()=>p.getState().transform,getFromHandle:()=>p.getState().connection.fromHandle,autoPanSpeed:n.autoPanSpeed,dragThreshold:2,handleDomNode:e.currentTarget}))};return(0,V.jsx)(m,{id:t,type:e===`input`?`target`:`source`,position:e===`input`?ne.Left:ne.Right,className:c?`slot slot-small nokey`:`slot nokey`,style:{top:r,color:Pn(n)},"data-side":e,"data-type":n,"data-linked":i||void 0,"data-bad":o||void 0,"data-list":l||void 0,title:`${a} · ${n}`,onMouseDownCapture:n=>{if(e===`output`&&i&&n.button===0&&n.shiftKey)return h(n);if(e!==`input`||!i||n.button!==0||n.shiftKey)return;let r=p.getState(),a=r.edges.find(e=>e.target===f&&e.targetHandle===t);a&&(n.stopPropagation(),s.onPointerDown(n.nativeEvent,{autoPanOnConnect:r.autoPanOnConnect,connectionMode:r.connectionMode,connectionRadius:r.connectionRadius,domNode:r.domNode,handleId:a.sourceHandle??null,nodeId:a.source,nodeLookup:r.nodeLookup,isTarget:!1,edgeUpdaterType:`source`,lib:r.lib,flowId:r.rfId,cancelConnection:r.cancelConnection,panBy:r.panBy,isValidConnection:e=>p.getState().isValidConnection?.(e)??!0,onConnect:e=>{if(e.target===f&&e.targetHandle===t)return;let n=kn(e.source,e.sourceHandle),r=kn(e.target,e.targetHandle);if(!n||!r)return;let i=`relink:${a.id}`;z((e,t)=>It(e,t,[Number(a.id)]),i),An(n,r,i),xn()},onConnectStart:(e,t)=>{Eo.setState({link:a.id}),r.onConnectStart?.(e,t)},onConnectEnd:(e,t)=>{if(Eo.setState({link:null}),Oo(),t.toHandle)return;let n=`relink:${a.id}`;z((e,t)=>It(e,t,[Number(a.id)]),n);let r=`changedTouches`in e?e.changedTouches[0]:e,i=r&&document.elementFromPoint(r.clientX,r.clientY)?.closest(`.react-flow__node-node`),o=kn(a.source,a.sourceHandle);o&&i?.dataset.id&&i.dataset.id!==f&&Mn(o,i.dataset.id,n),xn()},updateConnection:r.updateConnection,getTransform:()=>p.getState().transform,getFromHandle:()=>p.getState().connection.fromHandle,autoPanSpeed:r.autoPanSpeed,dragThreshold:2,handleDomNode:n.currentTarget}))}})}var ic={title:30,row:20,width:140},ac=(0,x.memo)(function({data:{side:e,ports:t}}){let n=e===`input`?`output`:`input`,r=n===`output`?`out`:`in`,i=e=>ic.title+6+e*ic.row+ic.row/2,a=(n,r)=>{n.preventDefault(),n.stopPropagation();let i=t[r];Z({x:n.clientX,y:n.clientY},[{label:`Rename...`,run:()=>void na(`Name of the socket`,i.label??i.name,`Rename`).then(t=>t?.trim()&&z((n,i)=>nn(n,i,e===`input`?`inputs`:`outputs`,r,t.trim())))},{label:`Remove`,danger:!0,run:()=>z((t,n)=>li(t,n,e===`input`?`inputs`:`outputs`,r,F.getState().catalog))}])};return(0,V.jsxs)(`div`,{className:`node ends`,"data-side":e,children:[(0,V.jsx)(`header`,{className:`node-title`,children:(0,V.jsx)(`span`,{className:`node-name`,children:e===`input`?`Inputs`:`Outputs`})}),t.map((e,t)=>(0,V.jsxs)(`div`,{onContextMenu:e=>a(e,t),children:[(0,V.jsx)(rc,{side:n,id:`${r}:${t}`,type:A(e.type),y:i(t),linked:e.linkIds.length>0,label:e.label??e.name}),(0,V.jsx)(`span`,{className:n===`output`?`slot-label slot-label-out`:`slot-label`,style:{top:i(t)},children:e.label??e.name})]},e.id)),(0,V.jsx)(rc,{side:n,id:`${r}:${t.length}`,type:`*`,y:i(t.length),linked:!1,label:`New`}),(0,V.jsx)(`span`,{className:`slot-label ${n===`output`?`slot-label-out`:``} slot-new`,style:{top:i(t.length)},children:`new`})]})},(e,t)=>e.data===t.data),oc=0,sc=(0,x.memo)(function({data:{group:e},selected:t}){let[n,r]=(0,x.useState)(!1);return(0,V.jsxs)(`div`,{className:`group`,"data-selected":t||void 0,style:{"--group":e.color??`#3f789e`},children:[(0,V.jsx)(`header`,{className:`group-title`,onDoubleClick:e=>{e.stopPropagation(),r(!0)},children:n?(0,V.jsx)(`input`,{className:`nodrag`,"aria-label":`Title of the group`,autoFocus:!0,defaultValue:e.title,onFocus:e=>e.currentTarget.select(),onBlur:t=>{let n=t.target.value.trim();r(!1),n&&n!==e.title&&z((t,r)=>Gt(t,r,e.id,{title:n}))},onKeyDown:e=>{e.stopPropagation(),(e.key===`Enter`||e.key===`Escape`)&&e.currentTarget.blur()}}):e.title}),(0,V.jsx)(`i`,{className:`node-corner nodrag`,onPointerDown:t=>{t.stopPropagation();let[n,r,i,a]=e.bounding,o=t.currentTarget.closest(`.react-flow__node`).getBoundingClientRect().width/i,s=`group:${e.id}:${++oc}`,[c,l]=[t.clientX,t.clientY],u=t=>z((s,u)=>Gt(s,u,e.id,{bounding:[n,r,Math.max(140,i+(t.clientX-c)/o),Math.max(80,a+(t.clientY-l)/o)]}),s);addEventListener(`pointermove`,u),addEventListener(`pointerup`,()=>{removeEventListener(`pointermove`,u),xn()},{once:!0})}})]})},(e,t)=>e.data===t.data&&e.selected===t.selected);function cc(e,n){let i={...n,sourcePosition:ne.Right,targetPosition:ne.Left};return e===`straight`?t(n)[0]:e===`step`?r({...i,borderRadius:8})[0]:ie({...i,curvature:.35})[0]}var lc=(0,x.memo)(function(e){let{id:t,data:n,selected:r}=e,i=Y(e=>e.links),a=Eo(e=>e.link===t),o=f(e=>n?.points.map(t=>e.nodeLookup.get(t)?.internals.positionAbsolute),(e,t)=>e===t||e?.length===t?.length&&(e??[]).every((e,n)=>e?.x===t?.[n]?.x&&e?.y===t?.[n]?.y));if(i===`hidden`&&!r)return null;let s=(o??[]).flatMap(e=>e?[{x:e.x+6,y:e.y+6}]:[]),l=``,u={x:e.sourceX,y:e.sourceY};for(let t of[...s,{x:e.targetX,y:e.targetY}])l+=cc(i,{sourceX:u.x,sourceY:u.y,targetX:t.x,targetY:t.y}),u=t;return(0,V.jsx)(c,{id:t,path:l,interactionWidth:14,className:`link`,style:{stroke:Pn(n?.type??`*`),opacity:a?.15:n?.muted?.35:void 0}})}),uc=200,dc=132;function fc(){let e=d(),t=(0,x.useRef)(null),n=(0,x.useRef)({x:0,y:0,by:1});(0,x.useEffect)(()=>{let r=0,i=()=>{r=0;let i=t.current?.getContext(`2d`);if(!i||!t.current)return;let{nodes:a,transform:o,width:s,height:c}=e.getState(),l={x:-o[0]/o[2],y:-o[1]/o[2],width:s/o[2],height:c/o[2]},[u,d,f,p]=[l.x,l.y,l.x+l.width,l.y+l.height];for(let e of a)u=Math.min(u,e.position.x),d=Math.min(d,e.position.y),f=Math.max(f,e.position.x+(e.width??0)),p=Math.max(p,e.position.y+(e.height??0));let m=Math.min(uc/(f-u),dc/(p-d))*.94;n.current={x:(u+f)/2-uc/2/m,y:(d+p)/2-dc/2/m,by:m};let h=devicePixelRatio||1;t.current.width!==uc*h&&(t.current.width=uc*h,t.current.height=dc*h);let g=getComputedStyle(t.current),_=g.getPropertyValue(`--map-node`),v=g.getPropertyValue(`--accent`);i.setTransform(h,0,0,h,0,0),i.clearRect(0,0,uc,dc);let y=e=>[(e.x-n.current.x)*m,(e.y-n.current.y)*m,Math.max(1.5,e.width*m),Math.max(1.5,e.height*m)];for(let e of a){let t=y({...e.position,width:e.width??0,height:e.height??0});e.type===`group`?(i.fillStyle=e.data.group.color??`#3f789e`,i.globalAlpha=.25):(i.fillStyle=e.selected?v:e.type===`node`&&e.data.node.bgcolor?e.data.node.bgcolor:_,i.globalAlpha=1),i.fillRect(...t)}i.globalAlpha=1,i.strokeStyle=v,i.lineWidth=1;let[b,ee,te,ne]=y(l);i.strokeRect(b+.5,ee+.5,te-1,ne-1)},a=()=>{r||=requestAnimationFrame(i)};a();let o=e.subscribe((e,t)=>{(e.nodes!==t.nodes||e.transform!==t.transform||e.width!==t.width)&&a()});return()=>{o(),cancelAnimationFrame(r)}},[e]);let r=e=>{let{left:t,top:r}=e.currentTarget.getBoundingClientRect();qo([n.current.x+(e.clientX-t)/n.current.by,n.current.y+(e.clientY-r)/n.current.by])};return(0,V.jsx)(`div`,{className:`minimap`,children:(0,V.jsx)(`canvas`,{ref:t,role:`img`,"aria-label":`Map of the workflow`,style:{width:uc,height:dc},onPointerDown:e=>{e.currentTarget.setPointerCapture(e.pointerId),r(e)},onPointerMove:e=>e.buttons===1&&r(e)})})}function pc({row:e,widget:t,disabled:n,set:r}){let i=t.kind!==`color`,a=i?`#${Math.max(0,Math.min(16777215,Math.round(Number(e.value??0)))).toString(16).padStart(6,`0`)}`:String(e.value??t.default);return(0,V.jsxs)(`label`,{className:`w w-colour nodrag`,title:e.tooltip||void 0,children:[(0,V.jsx)(`span`,{className:`w-label`,children:e.label}),(0,V.jsx)(`span`,{className:`w-value`,children:a}),(0,V.jsx)(`input`,{type:`color`,"aria-label":e.label,disabled:n,value:/^#[0-9a-f]{6}$/i.test(a)?a:`#000000`,onChange:t=>r(i?Number.parseInt(t.target.value.slice(1),16):t.target.value,`colour:${e.key}`)})]})}var mc=[[0,0],[1,1]];function hc(e){let t=C(e)?e.points:e,n=(Array.isArray(t)?t:[]).flatMap(e=>{let[t,n]=Array.isArray(e)?e:[];return typeof t==`number`&&typeof n==`number`?[[t,n]]:[]}),r=C(e)&&typeof e.interpolation==`string`?e.interpolation:`monotone_cubic`;return{points:n.length?[...n].sort((e,t)=>e[0]-t[0]):mc,interpolation:r}}var gc=(e,t,n)=>Math.min(Math.max(e,t),n),_c=e=>Math.round(e*1e4)/1e4;function vc(e,t,[n,r]){let i=t>0?e[t-1][0]+.001:0,a=t+1<e.length?e[t+1][0]-.001:1;return e.map((e,o)=>o===t?[_c(gc(n,i,Math.max(i,a))),_c(gc(r,0,1))]:e)}function yc(e){let t=e.slice(1).map(([t,n],r)=>(n-e[r][1])/Math.max(t-e[r][0],1e-9));return e.map((e,n)=>{let r=t[n-1],i=t[n];return r===void 0||i===void 0?r??i??0:r*i<=0?0:2*r*i/(r+i)})}function bc({points:e,interpolation:t}){let n=(e,t)=>`${(e*100).toFixed(2)} ${(100-t*100).toFixed(2)}`,[r,i]=[e[0],e.at(-1)],a=t===`linear`?null:yc(e),o=`M${n(0,r[1])}L${n(...r)}`;return e.slice(1).forEach(([t,r],i)=>{let[s,c]=e[i],l=(t-s)/3;o+=a?`C${n(s+l,c+a[i]*l)} ${n(t-l,r-a[i+1]*l)} ${n(t,r)}`:`L${n(t,r)}`}),`${o}L${n(1,i[1])}`}var xc=[`x`,`y`,`width`,`height`],Sc=e=>typeof e==`number`||typeof e==`bigint`?Number(e):0;function Cc(e,t){return e.what===`box`&&C(t)?`${Sc(t.x)}, ${Sc(t.y)} · ${Sc(t.width)} × ${Sc(t.height)}`:e.what===`curve`?`${hc(t).points.length} points`:Array.isArray(t)?`${t.length} ${t.length===1?`entry`:`entries`}`:ce(t??null)}function wc(e){let{row:t,widget:n,disabled:r}=e,i=t.value??n.default,a=Cc(n,i);return(0,V.jsxs)(`button`,{type:`button`,className:`w w-text w-drawn nodrag`,disabled:r,title:t.tooltip||void 0,"aria-label":`${t.label}: ${a}`,"aria-haspopup":`dialog`,onClick:t=>jo(t.currentTarget.getBoundingClientRect(),(0,V.jsx)(Tc,{...e})),children:[(0,V.jsx)(`span`,{className:`w-label`,children:t.label}),!r&&(0,V.jsx)(`span`,{className:`w-value`,children:a}),!r&&n.what===`curve`&&(0,V.jsx)(`svg`,{className:`w-curve`,viewBox:`0 0 100 100`,preserveAspectRatio:`none`,"aria-hidden":!0,children:(0,V.jsx)(`path`,{d:bc(hc(i))})})]})}function Tc({row:e,widget:t,set:n}){let[r,i]=(0,x.useState)(e.value??t.default),a=(t,r)=>{i(t),n(t,r??`drawn:${e.key}`)};return(0,V.jsx)(`div`,{className:`drawn`,role:`dialog`,"aria-label":e.label,children:t.what===`curve`?(0,V.jsx)(Dc,{value:r,change:a}):t.what===`box`?(0,V.jsx)(Oc,{value:r,change:a}):(0,V.jsx)(kc,{label:e.label,value:r,change:a})})}var Ec={ArrowLeft:[-1,0],ArrowRight:[1,0],ArrowUp:[0,1],ArrowDown:[0,-1]};function Dc({value:e,change:t}){let n=hc(e),r=(0,x.useRef)(null),i=r=>t({...C(e)?e:{},points:r,interpolation:n.interpolation}),a=e=>{let t=r.current.getBoundingClientRect();return[(e.clientX-t.left)/t.width,1-(e.clientY-t.top)/t.height]},o=e=>t=>{t.button===0&&(t.stopPropagation(),t.currentTarget.setPointerCapture(t.pointerId),t.currentTarget.focus(),t.currentTarget.dataset.held=String(e))};return(0,V.jsxs)(V.Fragment,{children:[(0,V.jsxs)(`svg`,{ref:r,className:`curve`,viewBox:`0 0 100 100`,"aria-label":`Curve. Double-click adds a point.`,onDoubleClick:e=>{let t=a(e);e.target.closest(`circle`)||i([...n.points,t].sort((e,t)=>e[0]-t[0]))},children:[(0,V.jsx)(`path`,{className:`curve-grid`,d:`M25 0V100M50 0V100M75 0V100M0 25H100M0 50H100M0 75H100`}),(0,V.jsx)(`path`,{className:`curve-line`,d:bc(n)}),n.points.map(([e,t],r)=>(0,V.jsx)(`circle`,{cx:e*100,cy:100-t*100,r:2.6,role:`slider`,tabIndex:0,"aria-label":`Point ${r+1}`,"aria-valuenow":Math.round(t*100)/100,"aria-valuemin":0,"aria-valuemax":1,"aria-valuetext":`${e.toFixed(2)}, ${t.toFixed(2)}`,onPointerDown:o(r),onPointerMove:e=>e.currentTarget.dataset.held!==void 0&&i(vc(n.points,r,a(e))),onPointerUp:e=>{delete e.currentTarget.dataset.held,xn()},onKeyDown:a=>{let o=Ec[a.key],[s,c]=o??[0,0],l=a.shiftKey?.1:.01;if(o)i(vc(n.points,r,[e+s*l,t+c*l]));else if((a.key===`Delete`||a.key===`Backspace`)&&n.points.length>2)i(n.points.filter((e,t)=>t!==r));else return;a.preventDefault(),a.stopPropagation()}},r))]}),(0,V.jsxs)(`label`,{className:`drawn-row`,children:[(0,V.jsx)(`span`,{children:`Between points`}),(0,V.jsxs)(`select`,{value:n.interpolation,onChange:r=>t({...C(e)?e:{},points:n.points,interpolation:r.target.value}),children:[(0,V.jsx)(`option`,{value:`monotone_cubic`,children:`smooth`}),(0,V.jsx)(`option`,{value:`linear`,children:`straight`}),![`monotone_cubic`,`linear`].includes(n.interpolation)&&(0,V.jsx)(`option`,{children:n.interpolation})]})]}),(0,V.jsxs)(`div`,{className:`drawn-row`,children:[(0,V.jsx)(`button`,{type:`button`,className:`button`,onClick:()=>i([...n.points,[.5,.5]].sort((e,t)=>e[0]-t[0])),children:`Add a point`}),(0,V.jsx)(`button`,{type:`button`,className:`button`,onClick:()=>i([[0,0],[1,1]]),children:`Straighten`})]})]})}function Oc({value:e,change:t}){let n=C(e)?e:{};return(0,V.jsx)(`div`,{className:`drawn-box`,children:xc.map(e=>(0,V.jsxs)(`label`,{children:[(0,V.jsx)(`span`,{children:e}),(0,V.jsx)(`input`,{type:`number`,min:e===`x`||e===`y`?void 0:1,step:1,value:Sc(n[e]),onChange:r=>t({...n,[e]:Math.round(r.target.valueAsNumber)||0}),onBlur:()=>xn()})]},e))})}function kc({label:e,value:t,change:n}){let[r,i]=(0,x.useState)(()=>ce(t,2)),[a,o]=(0,x.useState)(null);return(0,V.jsxs)(V.Fragment,{children:[(0,V.jsx)(`textarea`,{"aria-label":e,"aria-invalid":a!==null,rows:10,cols:40,spellCheck:!1,value:r,onChange:e=>{i(e.target.value);try{n(S(e.target.value)),o(null)}catch(e){o(e instanceof Error?e.message:String(e))}},onBlur:()=>xn()}),a!==null&&(0,V.jsx)(`p`,{role:`alert`,children:a})]})}function Ac(e,t,n,r){if(t===n){for(;t>0&&!/[\s,.()[\]{}]/.test(e[t-1]);)t--;for(;n<e.length&&!/[\s,.()[\]{}:]/.test(e[n]);)n++}for(;n>t&&e[n-1]===` `;)n--;if(t===n)return{text:e,start:t,end:n};let i=e.slice(t,n),a=1,[o,s]=[t,n],c=/^\(([\s\S]*):(-?\d*\.?\d+)\)$/.exec(i),l=e[t-1]===`(`?/^:(-?\d*\.?\d+)\)/.exec(e.slice(n)):null;c?(i=c[1],a=Number(c[2])):l&&(o=t-1,s=n+l[0].length,a=Number(l[1]));let u=Math.round((a+r)*100)/100,d=u===1?i:`(${i}:${u.toFixed(2)})`,f=o+(u===1?0:1);return{text:e.slice(0,o)+d+e.slice(s),start:f,end:f+i.length}}var jc=/`([^`\n]+)`|\*\*(.+?)\*\*|__(.+?)__|\*([^*\s](?:[^*\n]*[^*\s])?)\*|!?\[([^\]\n]*)\]\(([^)\s]+)[^)\n]*\)|(https?:\/\/[^\s<>()]+)/g,Mc=4;function Nc(e,t=0){if(t>Mc)return[e];let n=[],r=0;for(let i of e.matchAll(jc)){let[a,o,s,c,l,u,d,f]=i;n.push(e.slice(r,i.index)),r=i.index+a.length;let p=d??f,m=i.index;o===void 0?s!==void 0||c!==void 0?n.push((0,V.jsx)(`b`,{children:Nc(s??c??``,t+1)},m)):l===void 0?p!==void 0&&/^https?:\/\//.test(p)?n.push((0,V.jsx)(`a`,{href:p,target:`_blank`,rel:`noreferrer`,onPointerUp:e=>e.stopPropagation(),onKeyDown:e=>e.stopPropagation(),children:u?Nc(u,t+1):p},m)):n.push(u||a):n.push((0,V.jsx)(`em`,{children:Nc(l,t+1)},m)):n.push((0,V.jsx)(`code`,{children:o},m))}return n.push(e.slice(r)),n}var Pc=e=>e.map((e,t)=>(0,V.jsxs)(x.Fragment,{children:[t>0&&(0,V.jsx)(`br`,{}),Nc(e)]},t)),Fc=[[/^\s*[-*+] +/,e=>(0,V.jsx)(`ul`,{children:e.map((e,t)=>(0,V.jsx)(`li`,{children:Nc(e)},t))})],[/^\s*\d+[.)] +/,e=>(0,V.jsx)(`ol`,{children:e.map((e,t)=>(0,V.jsx)(`li`,{children:Nc(e)},t))})],[/^> ?/,e=>(0,V.jsx)(`blockquote`,{children:Pc(e)})],[/^#{1,6} +/,e=>e.map((e,t)=>(0,V.jsx)(`p`,{className:`md-head`,children:Nc(e.replace(/ +#+$/,``))},t))],[/^(?:---+|\*\*\*+|___+)\s*$/,()=>(0,V.jsx)(`hr`,{})]];function Ic({text:e}){let t=[],n=e.split(/\r?\n/);for(let e=0;e<n.length;){let r=e,i=n[e];if(!i.trim()){e++;continue}if(/^\s*```/.test(i)){let i=n.findIndex((t,n)=>n>e&&/^\s*```/.test(t));e=i<0?n.length:i+1,t.push((0,V.jsx)(`pre`,{children:n.slice(r+1,i<0?n.length:i).join(`
`)},r));continue}let a=Fc.at(-1),o=a[0].test(i)?a:Fc.find(([e])=>e.test(i)),s=[],c=e=>o?o[0].test(e):e.trim()!==``&&!/^\s*```/.test(e)&&!Fc.some(([t])=>t.test(e));for(;e<n.length&&c(n[e]);e++)s.push(o?n[e].replace(o[0],``):n[e]);t.push((0,V.jsx)(x.Fragment,{children:o?o[1](s):(0,V.jsx)(`p`,{children:Pc(s)})},r))}return t}function Lc(e){return e.widget.multiline?(0,V.jsx)(zc,{...e}):(0,V.jsx)(Rc,{...e})}function Rc({row:e,widget:t,disabled:n,set:r}){let[i,a]=(0,x.useState)(!1),o=(0,x.useRef)(null),s=String(e.value??``);return i?(0,V.jsx)(`div`,{className:`w w-typing nodrag`,children:(0,V.jsx)(`input`,{"aria-label":e.label,autoFocus:!0,value:s,placeholder:t.placeholder||e.label,onFocus:e=>e.currentTarget.select(),onChange:t=>r(t.target.value,`text:${e.key}`),onBlur:()=>{xn(),a(!1)},onKeyDown:e=>{e.stopPropagation(),(e.key===`Enter`||e.key===`Escape`)&&(e.currentTarget.blur(),requestAnimationFrame(()=>document.activeElement===document.body&&o.current?.focus()))}})}):(0,V.jsxs)(`button`,{ref:o,type:`button`,className:`w w-text nodrag`,disabled:n,title:e.tooltip||void 0,"aria-label":`${e.label}: ${s}`,onClick:()=>a(!0),children:[(0,V.jsx)(`span`,{className:`w-label`,children:e.label}),(0,V.jsx)(`span`,{className:`w-value`,children:n?``:s})]})}function zc({row:e,widget:t,disabled:n,set:r}){let[i,a]=(0,x.useState)(null),o=(0,x.useRef)(null),s=(0,x.useRef)(null),c=String(e.value??``);return(0,x.useLayoutEffect)(()=>{s.current&&o.current&&o.current.setSelectionRange(...s.current),s.current=null},[c]),i===null||n?(0,V.jsx)(`div`,{className:t.markdown?`w w-long w-markdown nodrag nowheel`:`w w-long nodrag nowheel`,role:`textbox`,"aria-multiline":!0,"aria-label":e.label,"aria-readonly":n||void 0,"data-disabled":n||void 0,"data-empty":!c||void 0,tabIndex:n?-1:0,title:e.tooltip||void 0,onPointerUp:e=>{if(e.button!==0||n)return;let r=document.caretRangeFromPoint?.(e.clientX,e.clientY);a(r&&!t.markdown&&e.currentTarget.contains(r.startContainer)&&c?r.startOffset:c.length)},onKeyDown:e=>{e.key!==`Enter`||n||e.ctrlKey||e.metaKey||(e.preventDefault(),e.stopPropagation(),a(c.length))},children:t.markdown&&c?(0,V.jsx)(Ic,{text:c}):c||t.placeholder||e.label}):(0,V.jsx)(`textarea`,{ref:o,className:`w w-long nodrag nowheel`,"aria-label":e.label,autoFocus:!0,spellCheck:!1,placeholder:t.placeholder||e.label,value:c,onFocus:e=>e.currentTarget.setSelectionRange(i,i),onChange:t=>r(t.target.value,`text:${e.key}`),onBlur:()=>{xn(),a(null)},onKeyDown:t=>{if(t.key===`Escape`)t.stopPropagation(),t.currentTarget.blur();else{if(!(t.ctrlKey||t.metaKey))return t.stopPropagation();if(t.key===`ArrowUp`||t.key===`ArrowDown`){t.preventDefault(),t.stopPropagation();let{selectionStart:n,selectionEnd:i}=t.currentTarget,a=Ac(c,n,i,t.key===`ArrowUp`?.05:-.05);s.current=[a.start,a.end],r(a.text,`text:${e.key}`)}}}})}function Bc({row:e,widget:t,disabled:n,set:r}){let i=e.value===!0;return(0,V.jsxs)(`button`,{type:`button`,className:`w w-toggle nodrag`,role:`switch`,"aria-checked":i,"aria-label":e.label,disabled:n,title:e.tooltip||void 0,onClick:()=>r(!i),children:[(0,V.jsx)(`span`,{className:`w-label`,children:e.label}),!n&&(0,V.jsxs)(V.Fragment,{children:[(0,V.jsx)(`span`,{className:`w-value`,children:i?t.on:t.off}),(0,V.jsx)(`i`,{className:`w-switch`,"data-on":i||void 0})]})]})}function Vc(e){let{widget:t}=e;switch(t.kind){case`int`:case`float`:return t.display===`color`?(0,V.jsx)(pc,{...e,widget:t}):(0,V.jsx)(Rs,{...e,widget:t});case`boolean`:return(0,V.jsx)(Bc,{...e,widget:t});case`combo`:return(0,V.jsx)(Us,{...e,widget:t});case`color`:return(0,V.jsx)(pc,{...e,widget:t});case`drawn`:return(0,V.jsx)(wc,{...e,widget:t});case`string`:return(0,V.jsx)(Lc,{...e,widget:t})}}function Hc(e,t,n){return q(r=>{let i=r.runs[e],a=i?.[t];if(!n||!i)return a??ca;let o=Object.keys(i).filter(e=>e.startsWith(`${t}:`)),s=o.find(e=>i[e].state===`failed`),c=o.find(e=>i[e].state===`running`),l=o.find(e=>i[e].images.length||i[e].preview);return(s??c??l)===void 0?a??ca:i[s??c??l]})}var Uc=(0,x.memo)(function({id:e,data:t,selected:n}){let r=Qo(e=>e.far),{node:i,face:a,shape:o}=t,s=Hc(t.tab,t.run,a.kind===`subgraph`),c={className:`node`,style:{"--body":i.bgcolor,"--head":i.color},"data-selected":n||void 0,"data-state":s.state,"data-mode":i.mode===T.Muted?`muted`:i.mode===T.Bypassed?`bypassed`:void 0,"data-missing":a.missing||void 0,"data-coloured":i.bgcolor||i.color?!0:void 0,"data-kind":a.kind,"data-class":i.type};return r?(0,V.jsx)(`div`,{...c,children:(0,V.jsx)(`div`,{className:`node-far`,children:a.title})}):(0,V.jsxs)(`div`,{...c,children:[(0,V.jsx)(Wc,{id:e,data:t,run:s}),s.state===`running`&&(0,V.jsx)(`i`,{className:`node-progress`,role:`progressbar`,"aria-label":`Progress`,"aria-valuenow":s.progress===null?void 0:Math.round(s.progress*100),"data-unknown":s.progress===null||void 0,children:(0,V.jsx)(`i`,{style:{transform:`scaleX(${s.progress??1})`}})}),(0,V.jsx)(Gc,{data:t,run:s}),!o.collapsed&&(0,V.jsx)(Kc,{id:e,data:t,run:s}),o.preview&&(0,V.jsx)(qs,{data:t,run:s,style:{top:o.preview.y,height:o.preview.height}}),!o.collapsed&&!i.flags?.pinned&&(0,V.jsx)(Jc,{id:e,node:i,shape:o})]})},(e,t)=>e.data===t.data&&e.selected===t.selected);function Wc({id:e,data:t,run:n}){let{node:r,face:i}=t,a=F(t=>t.renaming===e);return(0,V.jsxs)(`header`,{className:`node-title`,onDoubleClick:t=>{t.stopPropagation(),i.kind===`subgraph`&&!t.altKey?Dn({node:e,layer:r.type}):F.setState({renaming:e})},children:[(0,V.jsx)(`button`,{type:`button`,className:`node-fold nodrag`,"aria-label":r.flags?.collapsed?`Expand`:`Collapse`,"aria-expanded":!r.flags?.collapsed,onClick:()=>z((t,n)=>Vt(t,n,[e],`collapsed`)),children:(0,V.jsx)(X,{name:r.flags?.collapsed?`right`:`chevron`,size:12})}),a?(0,V.jsx)(`input`,{className:`node-name nodrag`,autoFocus:!0,"aria-label":`Title`,defaultValue:i.title,onFocus:e=>e.currentTarget.select(),onBlur:t=>{let n=t.target.value;F.setState({renaming:null}),n!==i.title&&z((t,r)=>Ht(t,r,e,n))},onKeyDown:e=>{e.stopPropagation(),e.key===`Enter`&&e.currentTarget.blur(),e.key===`Escape`&&(e.currentTarget.value=i.title,e.currentTarget.blur())}}):(0,V.jsx)(`span`,{className:`node-name`,title:i.spec?`${i.title}\n${i.spec.class}`:i.title,children:i.title}),(t.folded>0||r.showAdvanced===!0)&&(0,V.jsx)(`button`,{type:`button`,className:`badge badge-more nodrag`,"aria-label":t.folded?`Show ${t.folded} more`:`Show fewer`,title:t.folded?`Show ${t.folded} more`:`Show fewer`,onClick:()=>z((n,r)=>P(n,r,[e],({showAdvanced:e,...n})=>t.folded?{...n,showAdvanced:!0}:n)),children:t.folded?`+${t.folded}`:`−`}),i.missing&&(0,V.jsx)(`b`,{className:`badge`,"data-tone":`bad`,children:`missing`}),n.errors.length>0&&(0,V.jsx)(`b`,{className:`badge`,"data-tone":`bad`,title:n.errors.map(e=>`${e.message} ${e.details}`).join(`
`),children:`error`}),i.spec?.deprecated&&(0,V.jsx)(`b`,{className:`badge`,children:`old`}),i.spec?.experimental&&(0,V.jsx)(`b`,{className:`badge`,children:`beta`}),r.mode===T.Bypassed&&(0,V.jsx)(`b`,{className:`badge`,children:`bypass`}),r.mode===T.Muted&&(0,V.jsx)(`b`,{className:`badge`,children:`mute`}),r.flags?.pinned===!0&&(0,V.jsx)(X,{name:`pin`,size:12}),i.kind===`subgraph`&&(0,V.jsx)(`button`,{type:`button`,className:`node-fold nodrag`,"aria-label":`Open subgraph`,title:`Open subgraph`,onClick:()=>Dn({node:e,layer:r.type}),children:(0,V.jsx)(X,{name:`layers`,size:14})})]})}function Gc({data:e,run:t}){let{face:n,shape:r}=e,i=new Set(t.errors.map(e=>e.input));return(0,V.jsxs)(V.Fragment,{children:[n.inputs.map((e,t)=>(0,V.jsxs)(`div`,{children:[(0,V.jsx)(rc,{side:`input`,id:`in:${e.name}`,type:e.type,y:r.inputs[t],linked:e.linked,label:e.label,bad:i.has(e.name)}),!r.collapsed&&(0,V.jsx)(`span`,{className:`slot-label`,style:{top:r.inputs[t]},"data-bad":i.has(e.name)||void 0,"data-optional":!e.required||void 0,title:e.tooltip||void 0,children:e.label})]},`i${e.name}`)),n.outputs.map((e,t)=>(0,V.jsxs)(`div`,{children:[(0,V.jsx)(rc,{side:`output`,id:`out:${t}`,type:e.type,y:r.outputs[t],linked:e.linked,label:e.label,isList:e.isList}),!r.collapsed&&(0,V.jsx)(`span`,{className:`slot-label slot-label-out`,style:{top:r.outputs[t]},title:e.tooltip||void 0,children:e.label})]},`o${t}`)),r.collapsed&&n.rows.map(e=>e.socket?.linked&&(0,V.jsx)(rc,{side:`input`,id:`in:${e.socket.name}`,type:e.socket.type,y:15,linked:!0,label:e.label},e.key))]})}function Kc({id:e,data:t,run:n}){let{face:r,shape:i}=t,a=new Map(n.errors.map(e=>[e.input,e])),o=(0,x.useCallback)((t,n,r,i=`value`)=>{let{catalog:a}=F.getState();z((r,o)=>Ot(r,o,e,a,t,n,i),r?`${e}:${r}`:null)},[e]);return(0,V.jsx)(V.Fragment,{children:r.rows.map((e,t)=>{let n=i.rows[t],r=a.get(e.socket?.name??e.key);return(0,V.jsxs)(`div`,{className:`row`,style:{top:n.y,height:n.height},"data-bad":r?!0:void 0,title:r?`${r.message} ${r.details}`:void 0,children:[e.socket&&(0,V.jsx)(rc,{side:`input`,id:`in:${e.socket.name}`,type:e.socket.type,y:12,linked:e.socket.linked,label:e.label,bad:r!==void 0,small:!0}),(0,V.jsx)(Vc,{row:e,widget:e.widget,disabled:e.socket?.linked??!1,set:(t,n)=>o(e.key,t,n),setMode:t=>o(e.key,t,void 0,`control`)})]},e.key)})})}var qc=0;function Jc({id:e,node:t,shape:n}){let r=(0,x.useMemo)(()=>t=>{if(t.button!==0)return;t.stopPropagation();let[r,i]=[t.clientX,t.clientY],a=t.currentTarget.closest(`.react-flow__node`).getBoundingClientRect().width/n.width,o=`resize:${e}:${++qc}`,s=t=>{let s=[Math.max(160,n.width+(t.clientX-r)/a),Math.max(26,n.height-30+(t.clientY-i)/a)].map(Math.round);z((t,n)=>P(t,n,[e],e=>({...e,size:[s[0],s[1]]})),o)};addEventListener(`pointermove`,s),addEventListener(`pointerup`,()=>{removeEventListener(`pointermove`,s),xn()},{once:!0})},[e,n]);return(0,V.jsx)(`i`,{className:`node-corner nodrag`,"data-node":D(t),onPointerDown:r})}var Yc={node:Uc,group:sc,point:(0,x.memo)(function({data:e,selected:t}){return(0,V.jsx)(`i`,{className:`point`,"data-selected":t||void 0,style:{background:Pn(e.type)}})},(e,t)=>e.data===t.data&&e.selected===t.selected),ends:ac},Xc={link:lc},Zc=[8,8],Qc=`application/x-burnish-node`,$c=`application/x-burnish-subgraph`,el=e=>e.startsWith(`group:`),tl=e=>e.startsWith(`point:`),nl=e=>Number(e.slice(6)),rl=new WeakMap;function il(e,t,n,r,i,a,o){let s=o+D(n),c=Ee(e,n)===`real`,l=rl.get(n);if(l&&l.catalog===r&&l.shows===i&&l.run===s&&l.tab===a&&(c||l.layers===e.layers))return l.made;let u=M(e,t,n,r),d=st(u,n),f=Tt(d,n,i||Ks({face:d})!==null),p=(e,t,n,r)=>({id:e,type:t,position:t===`source`?`right`:`left`,x:n,y:r,width:1,height:1}),m={id:D(n),type:`node`,position:{x:n.pos[0],y:n.pos[1]-30},data:{node:n,face:d,shape:f,tab:a,run:s,folded:ot(u,n)},width:f.width,height:f.height,measured:{width:f.width,height:f.height},draggable:n.flags?.pinned!==!0,ariaLabel:d.title,handles:[...d.inputs.map((e,t)=>p(`in:${e.name}`,`target`,0,f.inputs[t])),...d.rows.flatMap((e,t)=>e.socket?[p(`in:${e.socket.name}`,`target`,0,f.collapsed?15:f.rows[t].y+12)]:[]),...d.outputs.map((e,t)=>p(`out:${t}`,`source`,f.width-1,f.outputs[t]))]};return rl.set(n,{catalog:r,layers:c?null:e.layers,shows:i,run:s,tab:a,made:m}),m}function al(e){if(e.id===``)return[];let t=e=>{let t=typeof e==`object`&&e&&`bounding`in e?e.bounding:null;return Array.isArray(t)&&t.every(e=>typeof e==`number`)?t:[]},n=[...e.nodes.values()],r=Math.min(0,...n.map(e=>e.pos[0]))-240,i=Math.max(0,...n.map(e=>e.pos[0]+e.size[0]))+100,a=(t,n,r,i)=>{let a=n===`input`?e.inputs:e.outputs,o=ic.title+12+(a.length+1)*ic.row,s=e=>({id:n===`input`?`out:${e}`:`in:${e}`,type:n===`input`?`source`:`target`,position:n===`input`?`right`:`left`,x:n===`input`?ic.width-1:0,y:ic.title+6+e*ic.row+ic.row/2,width:1,height:1});return{id:t,type:`ends`,position:{x:r[0]??i,y:r[1]??0},data:{side:n,ports:a},width:ic.width,height:o,measured:{width:ic.width,height:o},ariaLabel:n===`input`?`Inputs of the subgraph`:`Outputs of the subgraph`,handles:[...a.map((e,t)=>s(t)),s(a.length)]}};return[a(`-10`,`input`,t(e.rest.inputNode),r),a(`-20`,`output`,t(e.rest.outputNode),i)]}function ol(e,t){return[...e.links.values()].flatMap(n=>{let r=e.nodes.get(n.target),i=e.nodes.get(n.origin),a=n.target===`-20`?String(n.targetSlot):r?.inputs?.[n.targetSlot]?.name;if(a===void 0||!i&&n.origin!==`-10`)return[];let o=i?.mode===T.Muted||r?.mode===T.Muted;return[{id:String(n.id),type:`link`,source:n.origin,sourceHandle:`out:${n.originSlot}`,target:n.target,targetHandle:`in:${a}`,data:{type:sl(e,n,t),points:Zt(e,n).map(e=>`point:${e}`),muted:o===!0},reconnectable:!1,focusable:!1}]})}function sl(e,t,n){let r=e.nodes.get(t.origin),i=n.spec(r?.type??``)?.outputs[t.originSlot]?.type;return i===void 0||Te(i)?A(t.type):i}var cl={x:0,y:0,zoom:1},ll={padding:.12,maxZoom:1},ul={hideAttribution:!0},dl=[`Shift`,`Control`],fl=[`Control`,`Meta`,`Shift`],pl=[0,1],ml=[1],hl=()=>B(pn);function gl(e,t){if(e.preventDefault(),el(t.id))return nc(e,nl(t.id));t.type===`node`&&(F.getState().selection.nodes.includes(t.id)||B({nodes:[t.id]}),Qs(e))}function _l(e){e.preventDefault(),Qs(e)}function vl(e){e.preventDefault(),Zs(e)}function yl(e,t){e.preventDefault(),ec(e,Number(t.id))}var bl=(e,t)=>z((n,r)=>Jt(n,r,Number(t.id),Yo([e.clientX,e.clientY])));function xl(e,t){e.altKey&&bl(e,t)}function Sl(){let e=F(I);return(0,V.jsx)(Cl,{},`${e.id}/${e.path.map(e=>e.node).join(`/`)}`)}function Cl(){let e=h(),t=F(I),n=F(e=>e.catalog),r=F(e=>e.ready),i=F(e=>e.locked),o=F(e=>e.selection),s=Y(),c=t.history.present,u=E(c,gn(t)),d=_n(t),f=Tl(t.id),[p,m]=(0,x.useState)(new Map);(0,x.useEffect)(()=>(Bo(e),()=>Bo(null)),[e]);let g=(0,x.useMemo)(()=>{let e=u.groups.map(e=>{let[t,n,r,i]=e.bounding;return{id:`group:${e.id}`,type:`group`,position:{x:t,y:n},data:{group:e},width:r,height:i,measured:{width:r,height:i},zIndex:-1,dragHandle:`.group-title`,ariaLabel:`Group ${e.title}`}}),r=[...u.reroutes.values()].map(e=>({id:`point:${e.id}`,type:`point`,zIndex:2,position:{x:e.pos[0]-6,y:e.pos[1]-6},data:{type:A(u.links.get(e.linkIds[0]??-1)?.type)},width:12,height:12,measured:{width:12,height:12},ariaLabel:`Reroute point`})),i=[...u.nodes.values()].map(e=>il(c,u,e,n,f.has(d+D(e)),t.id,d));return[...e,...al(u),...i,...r]},[c,u,n,f,t.id,d]),y=(0,x.useRef)(new Map),ee=(0,x.useMemo)(()=>new Set([...o.nodes,...o.groups.map(e=>`group:${e}`),...o.reroutes.map(e=>`point:${e}`)]),[o]),te=(0,x.useMemo)(()=>g.map(e=>{let t=ee.has(e.id),n=p.get(e.id);if(n)return{...e,selected:t,position:{x:n[0],y:n[1]}};let r=y.current.get(e.id);if(r&&r.base===e&&r.selected===t)return r.made;let i=t?{...e,selected:t}:e;return y.current.set(e.id,{base:e,selected:t,made:i}),i}),[g,ee,p]),ne=(0,x.useMemo)(()=>ol(u,n),[u,n]),re=(0,x.useMemo)(()=>o.links.length?ne.map(e=>o.links.includes(Number(e.id))?{...e,selected:!0,zIndex:1}:e):ne,[ne,o.links]),ie=(0,x.useRef)(null),oe=(0,x.useCallback)(e=>{let t=new Map,n=!1,r=F.getState(),{nodes:i,groups:a,reroutes:o}=r.selection,s=!1;for(let r of e){if(r.type===`position`&&r.position){t.set(r.id,[r.position.x,r.position.y]),r.dragging||(n=!0);let e=ie.current;if(e&&e.group===r.id)for(let[n,i]of e.nodes)t.set(n,[i[0]+r.position.x-e.from[0],i[1]+r.position.y-e.from[1]])}if(r.type===`select`){s=!0;let e=(e,t)=>r.selected?e.includes(t)?e:[...e,t]:e.filter(e=>e!==t);el(r.id)?a=e(a,nl(r.id)):tl(r.id)?o=e(o,nl(r.id)):r.id!==`-10`&&r.id!==`-20`&&(i=e(i,r.id))}}if(s&&F.setState({selection:{...r.selection,nodes:i,groups:a,reroutes:o}}),t.size){if(!n)return m(e=>new Map([...e,...t]));m(new Map),ie.current=null,z((e,n)=>El(e,n,t),e.length===1||!se.current?`nudge`:null),se.current=!1}},[]),se=(0,x.useRef)(!1),S=(0,x.useCallback)(e=>{let t=F.getState(),{links:n}=t.selection;for(let t of e)t.type===`select`&&(n=t.selected?[...n,Number(t.id)]:n.filter(e=>e!==Number(t.id)));n!==t.selection.links&&F.setState({selection:{...t.selection,links:n}})},[]),ce=(0,x.useCallback)((e,{nodeId:t,handleId:n})=>{let r=kn(t,n);r&&Do(r)},[]),C=(0,x.useCallback)(e=>{let t=kn(e.source,e.sourceHandle),n=kn(e.target,e.targetHandle);t&&n&&An(t,n)},[]),le=(0,x.useCallback)((e,t)=>{if(Oo(),t.isValid||!t.fromHandle)return;let n=kn(t.fromHandle.nodeId,t.fromHandle.id),r=`changedTouches`in e?e.changedTouches[0]:e;if(!n||!r)return;let i=[r.clientX,r.clientY],a=document.elementFromPoint(...i);if(!a?.closest(`.react-flow`))return;let o=a.closest(`.react-flow__node-node`);if(o?.dataset.id&&o.dataset.id!==n.node)return Mn(n,o.dataset.id);a.closest(`.react-flow__pane`)&&Y.getState().release===`search`&&F.setState({add:{at:Yo(i),screen:i,link:{node:n.node,slot:t.fromHandle.id??``,side:n.side,type:n.type}}})},[]),ue=(0,x.useCallback)((e,t)=>{if(se.current=!0,!el(t.id))return;let n=F.getState(),r=R(n),i=r.groups.find(e=>e.id===nl(t.id))?.bounding,a=(i?qt(r,i):[]).filter(e=>!n.selection.nodes.includes(e)).map(e=>[e,[r.nodes.get(e).pos[0],r.nodes.get(e).pos[1]-30]]);ie.current={group:t.id,from:[t.position.x,t.position.y],nodes:new Map(a)}},[]),de=(0,x.useCallback)(e=>{let t=e<$o;t!==Qo.getState().far&&Qo.setState({far:t})},[]);v({onChange:({zoom:e})=>de(e),onEnd:e=>yn(t.id,t=>({...t,view:e}))}),(0,x.useEffect)(()=>de(t.view?.zoom??1),[de,t.id]),(0,x.useEffect)(()=>{r&&!t.view&&requestAnimationFrame(()=>Wo())},[r]);let w=(0,x.useCallback)(e=>{if(!e.target.closest(`.react-flow__pane`))return;let t=[e.clientX,e.clientY];F.setState({add:{at:Yo(t),screen:t}})},[]),fe=(0,x.useCallback)(e=>{e.preventDefault();let t=Yo([e.clientX,e.clientY]),n=e.dataTransfer.getData(Qc);if(n){let e=``;z((r,i)=>{let a=jt(F.getState().catalog,n,t,kt(r),r);return e=D(a),Dt(r,i,a)}),B({nodes:[e]});return}let r=za.getState().list.find(t=>t.id===e.dataTransfer.getData($c));if(r)return void Ha(r,t);for(let n of e.dataTransfer.files)oo(n,t)},[]);return(0,V.jsxs)(`div`,{className:`canvas`,"data-links":s.links,onDoubleClick:w,onPointerMove:e=>Vo([e.clientX,e.clientY]),onDragOver:e=>{e.preventDefault(),e.dataTransfer.dropEffect=`copy`},onDrop:fe,children:[(0,V.jsxs)(l,{nodes:te,edges:re,nodeTypes:Yc,edgeTypes:Xc,onNodesChange:oe,onEdgesChange:S,onConnectStart:ce,onConnect:C,onConnectEnd:le,isValidConnection:jn,onNodeDragStart:ue,onNodeContextMenu:gl,onSelectionContextMenu:_l,onPaneContextMenu:vl,onEdgeContextMenu:yl,onEdgeClick:xl,onEdgeDoubleClick:bl,onPaneClick:hl,defaultViewport:t.view??cl,fitView:t.view===null,fitViewOptions:ll,minZoom:.05,maxZoom:4,onlyRenderVisibleElements:!0,connectionLineType:a.Bezier,connectionRadius:22,selectionMode:ae.Partial,selectionKeyCode:dl,multiSelectionKeyCode:fl,panActivationKeyCode:`Space`,panOnDrag:s.drag===`pan`?pl:ml,selectionOnDrag:s.drag===`select`,panOnScroll:s.wheel===`pan`,zoomOnScroll:s.wheel===`zoom`,zoomOnDoubleClick:!1,deleteKeyCode:null,snapToGrid:s.snap,snapGrid:Zc,nodesDraggable:!i,nodesConnectable:!i,elevateNodesOnSelect:!0,nodeDragThreshold:2,autoPanOnNodeFocus:!0,proOptions:ul,children:[(0,V.jsx)(_,{variant:b.Dots,gap:24,size:2}),s.minimap&&(0,V.jsx)(fc,{})]}),r&&u.nodes.size===0&&u.id===``&&(0,V.jsx)(wl,{})]})}function wl(){return(0,V.jsxs)(`div`,{className:`canvas-empty`,children:[(0,V.jsxs)(`p`,{children:[(0,V.jsx)(`kbd`,{children:`double-click`}),` adds a node, `,(0,V.jsx)(`kbd`,{children:`Ctrl`}),` `,(0,V.jsx)(`kbd`,{children:`Enter`}),` runs`]}),(0,V.jsx)(`p`,{children:`Drop a workflow or a picture here, or`}),(0,V.jsx)(`button`,{type:`button`,className:`button`,onClick:()=>F.setState({panel:`templates`}),children:`Start from an example`})]})}function Tl(e){let t=q(t=>Object.entries(t.runs[e]??{}).filter(([,e])=>Oa(e)).map(([e])=>e).join(`
`));return(0,x.useMemo)(()=>new Set(t?t.split(`
`).flatMap(e=>e.split(`:`).map((e,t,n)=>n.slice(0,t+1).join(`:`))):[]),[t])}function El(e,t,n){let r=E(e,t),i=new Map,a=e;for(let[e,[o,s]]of n)if(el(e)){let n=r.groups.find(t=>t.id===nl(e));n&&(n.bounding[0]!==o||n.bounding[1]!==s)&&(a=Gt(a,t,n.id,{bounding:[o,s,n.bounding[2],n.bounding[3]]}))}else if(tl(e))a=Yt(a,t,nl(e),[o+6,s+6]);else if(e===`-10`||e===`-20`)a=rn(a,t,e===`-10`?`inputNode`:`outputNode`,[o,s]);else{let t=r.nodes.get(e);t&&(t.pos[0]!==o||t.pos[1]!==s+30)&&i.set(e,[o,s+30])}return i.size?zt(a,t,i):a}var Dl=`{
  "1": {
    "class_type": "DiffusersLoader",
    "inputs": {
      "model_path": "burnish-demo"
    },
    "_meta": {
      "title": "Load the demo model"
    }
  },
  "2": {
    "class_type": "CLIPTextEncode",
    "inputs": {
      "text": "a yellow heart on a black background",
      "clip": [
        "1",
        1
      ]
    },
    "_meta": {
      "title": "Prompt"
    }
  },
  "3": {
    "class_type": "CLIPTextEncode",
    "inputs": {
      "text": "",
      "clip": [
        "1",
        1
      ]
    },
    "_meta": {
      "title": "Negative prompt"
    }
  },
  "4": {
    "class_type": "EmptyLatentImage",
    "inputs": {
      "width": 64,
      "height": 64,
      "batch_size": 4
    },
    "_meta": {
      "title": "Empty latent"
    }
  },
  "5": {
    "class_type": "KSampler",
    "inputs": {
      "model": [
        "1",
        0
      ],
      "seed": 6,
      "steps": 12,
      "cfg": 4.0,
      "sampler_name": "dpmpp_2m",
      "scheduler": "karras",
      "positive": [
        "2",
        0
      ],
      "negative": [
        "3",
        0
      ],
      "latent_image": [
        "4",
        0
      ],
      "denoise": 1.0
    },
    "_meta": {
      "title": "Sample"
    }
  },
  "6": {
    "class_type": "VAEDecode",
    "inputs": {
      "samples": [
        "5",
        0
      ],
      "vae": [
        "1",
        2
      ]
    },
    "_meta": {
      "title": "Decode"
    }
  },
  "7": {
    "class_type": "SaveImage",
    "inputs": {
      "images": [
        "6",
        0
      ],
      "filename_prefix": "batch"
    },
    "_meta": {
      "title": "Save"
    }
  }
}
`,Ol=`{
  "1": {
    "class_type": "DiffusersLoader",
    "inputs": {
      "model_path": "burnish-demo"
    },
    "_meta": {
      "title": "Load the demo model"
    }
  },
  "2": {
    "class_type": "CLIPTextEncode",
    "inputs": {
      "text": "a rooster on a blue background",
      "clip": [
        "1",
        1
      ]
    },
    "_meta": {
      "title": "Prompt"
    }
  },
  "3": {
    "class_type": "CLIPTextEncode",
    "inputs": {
      "text": "",
      "clip": [
        "1",
        1
      ]
    },
    "_meta": {
      "title": "Negative prompt"
    }
  },
  "4": {
    "class_type": "EmptyLatentImage",
    "inputs": {
      "width": 64,
      "height": 64,
      "batch_size": 1
    },
    "_meta": {
      "title": "Empty latent"
    }
  },
  "5": {
    "class_type": "KSampler",
    "inputs": {
      "model": [
        "1",
        0
      ],
      "seed": 1,
      "steps": 20,
      "cfg": 4.0,
      "sampler_name": "euler",
      "scheduler": "normal",
      "positive": [
        "14",
        0
      ],
      "negative": [
        "14",
        1
      ],
      "latent_image": [
        "4",
        0
      ],
      "denoise": 1.0
    },
    "_meta": {
      "title": "Sample"
    }
  },
  "6": {
    "class_type": "VAEDecode",
    "inputs": {
      "samples": [
        "5",
        0
      ],
      "vae": [
        "1",
        2
      ]
    },
    "_meta": {
      "title": "Decode"
    }
  },
  "7": {
    "class_type": "SaveImage",
    "inputs": {
      "images": [
        "6",
        0
      ],
      "filename_prefix": "controlnet"
    },
    "_meta": {
      "title": "Save"
    }
  },
  "8": {
    "class_type": "CLIPTextEncode",
    "inputs": {
      "text": "a rooster on a white background",
      "clip": [
        "1",
        1
      ]
    },
    "_meta": {
      "title": "Prompt of the drawing"
    }
  },
  "9": {
    "class_type": "KSampler",
    "inputs": {
      "model": [
        "1",
        0
      ],
      "seed": 2,
      "steps": 20,
      "cfg": 4.0,
      "sampler_name": "euler",
      "scheduler": "normal",
      "positive": [
        "8",
        0
      ],
      "negative": [
        "3",
        0
      ],
      "latent_image": [
        "4",
        0
      ],
      "denoise": 1.0
    },
    "_meta": {
      "title": "Draw"
    }
  },
  "10": {
    "class_type": "VAEDecode",
    "inputs": {
      "samples": [
        "9",
        0
      ],
      "vae": [
        "1",
        2
      ]
    },
    "_meta": {
      "title": "Decode the drawing"
    }
  },
  "11": {
    "class_type": "EmptyImage",
    "inputs": {
      "width": 64,
      "height": 64,
      "batch_size": 1,
      "color": 0
    },
    "_meta": {
      "title": "Black"
    }
  },
  "12": {
    "class_type": "Canny",
    "inputs": {
      "image": [
        "10",
        0
      ],
      "low_threshold": 0.04,
      "high_threshold": 0.08
    },
    "_meta": {
      "title": "Edges"
    }
  },
  "13": {
    "class_type": "ControlNetLoader",
    "inputs": {
      "control_net_name": "burnish-demo-edges/diffusion_pytorch_model.safetensors"
    },
    "_meta": {
      "title": "Load the ControlNet"
    }
  },
  "14": {
    "class_type": "ControlNetApplyAdvanced",
    "inputs": {
      "positive": [
        "2",
        0
      ],
      "negative": [
        "3",
        0
      ],
      "control_net": [
        "13",
        0
      ],
      "image": [
        "16",
        0
      ],
      "strength": 1.0,
      "start_percent": 0.0,
      "end_percent": 1.0
    },
    "_meta": {
      "title": "Follow the edges"
    }
  },
  "15": {
    "class_type": "PreviewImage",
    "inputs": {
      "images": [
        "16",
        0
      ]
    },
    "_meta": {
      "title": "The edges"
    }
  },
  "16": {
    "class_type": "ImageCompositeMasked",
    "inputs": {
      "destination": [
        "11",
        0
      ],
      "source": [
        "12",
        0
      ],
      "x": 8,
      "y": 8,
      "resize_source": false
    },
    "_meta": {
      "title": "Move it down and right"
    }
  }
}
`,kl=`{
  "1": {
    "class_type": "DiffusersLoader",
    "inputs": {
      "model_path": "burnish-demo"
    },
    "_meta": {
      "title": "Load the demo model"
    }
  },
  "2": {
    "class_type": "CLIPTextEncode",
    "inputs": {
      "text": "a sun on a purple background",
      "clip": [
        "1",
        1
      ]
    },
    "_meta": {
      "title": "Prompt"
    }
  },
  "3": {
    "class_type": "CLIPTextEncode",
    "inputs": {
      "text": "",
      "clip": [
        "1",
        1
      ]
    },
    "_meta": {
      "title": "Negative prompt"
    }
  },
  "4": {
    "class_type": "EmptyLatentImage",
    "inputs": {
      "width": 64,
      "height": 64,
      "batch_size": 1
    },
    "_meta": {
      "title": "Empty latent"
    }
  },
  "5": {
    "class_type": "KSampler",
    "inputs": {
      "model": [
        "1",
        0
      ],
      "seed": 1,
      "steps": 20,
      "cfg": 4.0,
      "sampler_name": "euler",
      "scheduler": "normal",
      "positive": [
        "2",
        0
      ],
      "negative": [
        "3",
        0
      ],
      "latent_image": [
        "4",
        0
      ],
      "denoise": 1.0
    },
    "_meta": {
      "title": "Draw small"
    }
  },
  "6": {
    "class_type": "LatentUpscale",
    "inputs": {
      "samples": [
        "5",
        0
      ],
      "upscale_method": "bislerp",
      "width": 128,
      "height": 128,
      "crop": "disabled"
    },
    "_meta": {
      "title": "Upscale the latent"
    }
  },
  "7": {
    "class_type": "KSampler",
    "inputs": {
      "model": [
        "1",
        0
      ],
      "seed": 4,
      "steps": 12,
      "cfg": 4.0,
      "sampler_name": "dpmpp_2m",
      "scheduler": "karras",
      "positive": [
        "2",
        0
      ],
      "negative": [
        "3",
        0
      ],
      "latent_image": [
        "6",
        0
      ],
      "denoise": 0.5
    },
    "_meta": {
      "title": "Draw large"
    }
  },
  "8": {
    "class_type": "VAEDecode",
    "inputs": {
      "samples": [
        "7",
        0
      ],
      "vae": [
        "1",
        2
      ]
    },
    "_meta": {
      "title": "Decode"
    }
  },
  "9": {
    "class_type": "SaveImage",
    "inputs": {
      "images": [
        "8",
        0
      ],
      "filename_prefix": "hires-fix"
    },
    "_meta": {
      "title": "Save"
    }
  }
}
`,Al=`{
  "1": {
    "class_type": "DiffusersLoader",
    "inputs": {
      "model_path": "burnish-demo"
    },
    "_meta": {
      "title": "Load the demo model"
    }
  },
  "2": {
    "class_type": "CLIPTextEncode",
    "inputs": {
      "text": "a lemon on a pink background",
      "clip": [
        "1",
        1
      ]
    },
    "_meta": {
      "title": "First prompt"
    }
  },
  "3": {
    "class_type": "CLIPTextEncode",
    "inputs": {
      "text": "",
      "clip": [
        "1",
        1
      ]
    },
    "_meta": {
      "title": "Negative prompt"
    }
  },
  "4": {
    "class_type": "EmptyLatentImage",
    "inputs": {
      "width": 64,
      "height": 64,
      "batch_size": 1
    },
    "_meta": {
      "title": "Empty latent"
    }
  },
  "5": {
    "class_type": "KSampler",
    "inputs": {
      "model": [
        "1",
        0
      ],
      "seed": 1,
      "steps": 20,
      "cfg": 4.0,
      "sampler_name": "euler",
      "scheduler": "normal",
      "positive": [
        "2",
        0
      ],
      "negative": [
        "3",
        0
      ],
      "latent_image": [
        "4",
        0
      ],
      "denoise": 1.0
    },
    "_meta": {
      "title": "Draw"
    }
  },
  "6": {
    "class_type": "VAEDecode",
    "inputs": {
      "samples": [
        "5",
        0
      ],
      "vae": [
        "1",
        2
      ]
    },
    "_meta": {
      "title": "Decode"
    }
  },
  "7": {
    "class_type": "SaveImage",
    "inputs": {
      "images": [
        "6",
        0
      ],
      "filename_prefix": "image-to-image-before"
    },
    "_meta": {
      "title": "Save before"
    }
  },
  "8": {
    "class_type": "VAEEncode",
    "inputs": {
      "pixels": [
        "6",
        0
      ],
      "vae": [
        "1",
        2
      ]
    },
    "_meta": {
      "title": "Encode"
    }
  },
  "9": {
    "class_type": "CLIPTextEncode",
    "inputs": {
      "text": "a lemon on a green background",
      "clip": [
        "1",
        1
      ]
    },
    "_meta": {
      "title": "Second prompt"
    }
  },
  "10": {
    "class_type": "KSampler",
    "inputs": {
      "model": [
        "1",
        0
      ],
      "seed": 2,
      "steps": 20,
      "cfg": 4.0,
      "sampler_name": "euler",
      "scheduler": "normal",
      "positive": [
        "9",
        0
      ],
      "negative": [
        "3",
        0
      ],
      "latent_image": [
        "8",
        0
      ],
      "denoise": 0.75
    },
    "_meta": {
      "title": "Redraw"
    }
  },
  "11": {
    "class_type": "VAEDecode",
    "inputs": {
      "samples": [
        "10",
        0
      ],
      "vae": [
        "1",
        2
      ]
    },
    "_meta": {
      "title": "Decode"
    }
  },
  "12": {
    "class_type": "SaveImage",
    "inputs": {
      "images": [
        "11",
        0
      ],
      "filename_prefix": "image-to-image"
    },
    "_meta": {
      "title": "Save"
    }
  }
}
`,jl=`{
  "1": {
    "class_type": "DiffusersLoader",
    "inputs": {
      "model_path": "burnish-demo"
    },
    "_meta": {
      "title": "Load the demo model"
    }
  },
  "2": {
    "class_type": "CLIPTextEncode",
    "inputs": {
      "text": "a red apple on a white background",
      "clip": [
        "1",
        1
      ]
    },
    "_meta": {
      "title": "First prompt"
    }
  },
  "3": {
    "class_type": "CLIPTextEncode",
    "inputs": {
      "text": "",
      "clip": [
        "1",
        1
      ]
    },
    "_meta": {
      "title": "Negative prompt"
    }
  },
  "4": {
    "class_type": "EmptyLatentImage",
    "inputs": {
      "width": 64,
      "height": 64,
      "batch_size": 1
    },
    "_meta": {
      "title": "Empty latent"
    }
  },
  "5": {
    "class_type": "KSampler",
    "inputs": {
      "model": [
        "1",
        0
      ],
      "seed": 1,
      "steps": 20,
      "cfg": 4.0,
      "sampler_name": "euler",
      "scheduler": "normal",
      "positive": [
        "2",
        0
      ],
      "negative": [
        "3",
        0
      ],
      "latent_image": [
        "4",
        0
      ],
      "denoise": 1.0
    },
    "_meta": {
      "title": "Draw"
    }
  },
  "6": {
    "class_type": "SolidMask",
    "inputs": {
      "value": 0.0,
      "width": 64,
      "height": 64
    },
    "_meta": {
      "title": "Keep"
    }
  },
  "7": {
    "class_type": "SolidMask",
    "inputs": {
      "value": 1.0,
      "width": 64,
      "height": 32
    },
    "_meta": {
      "title": "Change"
    }
  },
  "8": {
    "class_type": "MaskComposite",
    "inputs": {
      "destination": [
        "6",
        0
      ],
      "source": [
        "7",
        0
      ],
      "x": 0,
      "y": 32,
      "operation": "add"
    },
    "_meta": {
      "title": "Lower half"
    }
  },
  "9": {
    "class_type": "SetLatentNoiseMask",
    "inputs": {
      "samples": [
        "5",
        0
      ],
      "mask": [
        "8",
        0
      ]
    },
    "_meta": {
      "title": "Where to change"
    }
  },
  "10": {
    "class_type": "CLIPTextEncode",
    "inputs": {
      "text": "a red apple on a yellow background",
      "clip": [
        "1",
        1
      ]
    },
    "_meta": {
      "title": "Second prompt"
    }
  },
  "11": {
    "class_type": "KSampler",
    "inputs": {
      "model": [
        "1",
        0
      ],
      "seed": 3,
      "steps": 20,
      "cfg": 4.0,
      "sampler_name": "euler",
      "scheduler": "normal",
      "positive": [
        "10",
        0
      ],
      "negative": [
        "3",
        0
      ],
      "latent_image": [
        "9",
        0
      ],
      "denoise": 1.0
    },
    "_meta": {
      "title": "Inpaint"
    }
  },
  "12": {
    "class_type": "VAEDecode",
    "inputs": {
      "samples": [
        "11",
        0
      ],
      "vae": [
        "1",
        2
      ]
    },
    "_meta": {
      "title": "Decode"
    }
  },
  "13": {
    "class_type": "SaveImage",
    "inputs": {
      "images": [
        "12",
        0
      ],
      "filename_prefix": "inpaint"
    },
    "_meta": {
      "title": "Save"
    }
  }
}
`,Ml=`{
  "1": {
    "class_type": "DiffusersLoader",
    "inputs": {
      "model_path": "burnish-demo"
    },
    "_meta": {
      "title": "Load the demo model"
    }
  },
  "2": {
    "class_type": "CLIPTextEncode",
    "inputs": {
      "text": "a red apple on a blue background",
      "clip": [
        "1",
        1
      ]
    },
    "_meta": {
      "title": "Prompt"
    }
  },
  "3": {
    "class_type": "CLIPTextEncode",
    "inputs": {
      "text": "",
      "clip": [
        "1",
        1
      ]
    },
    "_meta": {
      "title": "Negative prompt"
    }
  },
  "4": {
    "class_type": "EmptyLatentImage",
    "inputs": {
      "width": 64,
      "height": 64,
      "batch_size": 1
    },
    "_meta": {
      "title": "Empty latent"
    }
  },
  "5": {
    "class_type": "KSampler",
    "inputs": {
      "model": [
        "8",
        0
      ],
      "seed": 1,
      "steps": 20,
      "cfg": 4.0,
      "sampler_name": "euler",
      "scheduler": "normal",
      "positive": [
        "2",
        0
      ],
      "negative": [
        "3",
        0
      ],
      "latent_image": [
        "4",
        0
      ],
      "denoise": 1.0
    },
    "_meta": {
      "title": "Sample"
    }
  },
  "6": {
    "class_type": "VAEDecode",
    "inputs": {
      "samples": [
        "5",
        0
      ],
      "vae": [
        "1",
        2
      ]
    },
    "_meta": {
      "title": "Decode"
    }
  },
  "7": {
    "class_type": "SaveImage",
    "inputs": {
      "images": [
        "6",
        0
      ],
      "filename_prefix": "lora"
    },
    "_meta": {
      "title": "Save"
    }
  },
  "8": {
    "class_type": "LoraLoaderModelOnly",
    "inputs": {
      "model": [
        "1",
        0
      ],
      "lora_name": "burnish-demo-silver.safetensors",
      "strength_model": 1.0
    },
    "_meta": {
      "title": "Silver style"
    }
  }
}
`,Nl=new URL(`batch.webp`,import.meta.url).href,Pl=new URL(`controlnet.webp`,import.meta.url).href,Fl=new URL(`hires-fix.webp`,import.meta.url).href,Il=new URL(`image-to-image.webp`,import.meta.url).href,Ll=new URL(`inpaint.webp`,import.meta.url).href,Rl=new URL(`lora.webp`,import.meta.url).href,zl=new URL(`prompt-editing.webp`,import.meta.url).href,Bl=new URL(`prompt-weighting.webp`,import.meta.url).href,Vl=new URL(`text-to-image.webp`,import.meta.url).href,Hl=new URL(`upscale.webp`,import.meta.url).href,Ul=new URL(`xy-grid.webp`,import.meta.url).href,Wl=[{title:`Text to image`,about:`A picture from a prompt`,picture:Vl,text:`{
  "1": {
    "class_type": "DiffusersLoader",
    "inputs": {
      "model_path": "burnish-demo"
    },
    "_meta": {
      "title": "Load the demo model"
    }
  },
  "2": {
    "class_type": "CLIPTextEncode",
    "inputs": {
      "text": "a red apple on a blue background",
      "clip": [
        "1",
        1
      ]
    },
    "_meta": {
      "title": "Prompt"
    }
  },
  "3": {
    "class_type": "CLIPTextEncode",
    "inputs": {
      "text": "",
      "clip": [
        "1",
        1
      ]
    },
    "_meta": {
      "title": "Negative prompt"
    }
  },
  "4": {
    "class_type": "EmptyLatentImage",
    "inputs": {
      "width": 64,
      "height": 64,
      "batch_size": 1
    },
    "_meta": {
      "title": "Empty latent"
    }
  },
  "5": {
    "class_type": "KSampler",
    "inputs": {
      "model": [
        "1",
        0
      ],
      "seed": 1,
      "steps": 20,
      "cfg": 4.0,
      "sampler_name": "euler",
      "scheduler": "normal",
      "positive": [
        "2",
        0
      ],
      "negative": [
        "3",
        0
      ],
      "latent_image": [
        "4",
        0
      ],
      "denoise": 1.0
    },
    "_meta": {
      "title": "Sample"
    }
  },
  "6": {
    "class_type": "VAEDecode",
    "inputs": {
      "samples": [
        "5",
        0
      ],
      "vae": [
        "1",
        2
      ]
    },
    "_meta": {
      "title": "Decode"
    }
  },
  "7": {
    "class_type": "SaveImage",
    "inputs": {
      "images": [
        "6",
        0
      ],
      "filename_prefix": "text-to-image"
    },
    "_meta": {
      "title": "Save"
    }
  }
}
`},{title:`Image to image`,about:`A picture drawn again with another prompt`,picture:Il,text:Al},{title:`Inpaint`,about:`Only the part under a mask drawn again`,picture:Ll,text:jl},{title:`Hires fix`,about:`Drawn small, enlarged, and drawn again`,picture:Fl,text:kl},{title:`Prompt weighting`,about:`Words that count more, or less`,picture:Bl,text:`{
  "1": {
    "class_type": "DiffusersLoader",
    "inputs": {
      "model_path": "burnish-demo"
    },
    "_meta": {
      "title": "Load the demo model"
    }
  },
  "2": {
    "class_type": "CLIPTextEncode",
    "inputs": {
      "text": "(a strawberry:1.3) on a (white:0.8) background",
      "clip": [
        "1",
        1
      ]
    },
    "_meta": {
      "title": "Weighted prompt"
    }
  },
  "3": {
    "class_type": "CLIPTextEncode",
    "inputs": {
      "text": "(black background:1.2)",
      "clip": [
        "1",
        1
      ]
    },
    "_meta": {
      "title": "Negative prompt"
    }
  },
  "4": {
    "class_type": "EmptyLatentImage",
    "inputs": {
      "width": 64,
      "height": 64,
      "batch_size": 1
    },
    "_meta": {
      "title": "Empty latent"
    }
  },
  "5": {
    "class_type": "KSampler",
    "inputs": {
      "model": [
        "1",
        0
      ],
      "seed": 5,
      "steps": 20,
      "cfg": 4.0,
      "sampler_name": "euler",
      "scheduler": "normal",
      "positive": [
        "2",
        0
      ],
      "negative": [
        "3",
        0
      ],
      "latent_image": [
        "4",
        0
      ],
      "denoise": 1.0
    },
    "_meta": {
      "title": "Sample"
    }
  },
  "6": {
    "class_type": "VAEDecode",
    "inputs": {
      "samples": [
        "5",
        0
      ],
      "vae": [
        "1",
        2
      ]
    },
    "_meta": {
      "title": "Decode"
    }
  },
  "7": {
    "class_type": "SaveImage",
    "inputs": {
      "images": [
        "6",
        0
      ],
      "filename_prefix": "prompt-weighting"
    },
    "_meta": {
      "title": "Save"
    }
  }
}
`},{title:`Prompt editing`,about:`One prompt for the first steps, another for the rest`,picture:zl,text:`{
  "1": {
    "class_type": "DiffusersLoader",
    "inputs": {
      "model_path": "burnish-demo"
    },
    "_meta": {
      "title": "Load the demo model"
    }
  },
  "2": {
    "class_type": "CLIPTextEncode",
    "inputs": {
      "text": "a red apple on a yellow background",
      "clip": [
        "1",
        1
      ]
    },
    "_meta": {
      "title": "Prompt at first"
    }
  },
  "3": {
    "class_type": "CLIPTextEncode",
    "inputs": {
      "text": "",
      "clip": [
        "1",
        1
      ]
    },
    "_meta": {
      "title": "Negative prompt"
    }
  },
  "4": {
    "class_type": "EmptyLatentImage",
    "inputs": {
      "width": 64,
      "height": 64,
      "batch_size": 1
    },
    "_meta": {
      "title": "Empty latent"
    }
  },
  "5": {
    "class_type": "CLIPTextEncode",
    "inputs": {
      "text": "a lady beetle on a yellow background",
      "clip": [
        "1",
        1
      ]
    },
    "_meta": {
      "title": "Prompt later"
    }
  },
  "6": {
    "class_type": "ConditioningSetTimestepRange",
    "inputs": {
      "conditioning": [
        "2",
        0
      ],
      "start": 0.0,
      "end": 0.5
    },
    "_meta": {
      "title": "Until half"
    }
  },
  "7": {
    "class_type": "ConditioningSetTimestepRange",
    "inputs": {
      "conditioning": [
        "5",
        0
      ],
      "start": 0.5,
      "end": 1.0
    },
    "_meta": {
      "title": "From half"
    }
  },
  "8": {
    "class_type": "ConditioningCombine",
    "inputs": {
      "conditioning_1": [
        "6",
        0
      ],
      "conditioning_2": [
        "7",
        0
      ]
    },
    "_meta": {
      "title": "Both"
    }
  },
  "9": {
    "class_type": "KSampler",
    "inputs": {
      "model": [
        "1",
        0
      ],
      "seed": 1,
      "steps": 20,
      "cfg": 4.0,
      "sampler_name": "euler",
      "scheduler": "normal",
      "positive": [
        "8",
        0
      ],
      "negative": [
        "3",
        0
      ],
      "latent_image": [
        "4",
        0
      ],
      "denoise": 1.0
    },
    "_meta": {
      "title": "Sample"
    }
  },
  "10": {
    "class_type": "VAEDecode",
    "inputs": {
      "samples": [
        "9",
        0
      ],
      "vae": [
        "1",
        2
      ]
    },
    "_meta": {
      "title": "Decode"
    }
  },
  "11": {
    "class_type": "SaveImage",
    "inputs": {
      "images": [
        "10",
        0
      ],
      "filename_prefix": "prompt-editing"
    },
    "_meta": {
      "title": "Save"
    }
  }
}
`},{title:`Batch`,about:`Four pictures of one prompt in one run`,picture:Nl,text:Dl},{title:`XY grid`,about:`Seeds across, guidance down, side by side`,picture:Ul,text:`{
  "1": {
    "class_type": "DiffusersLoader",
    "inputs": {
      "model_path": "burnish-demo"
    },
    "_meta": {
      "title": "Load the demo model"
    }
  },
  "2": {
    "class_type": "CLIPTextEncode",
    "inputs": {
      "text": "a rocket on a purple background",
      "clip": [
        "1",
        1
      ]
    },
    "_meta": {
      "title": "Prompt"
    }
  },
  "3": {
    "class_type": "CLIPTextEncode",
    "inputs": {
      "text": "",
      "clip": [
        "1",
        1
      ]
    },
    "_meta": {
      "title": "Negative prompt"
    }
  },
  "4": {
    "class_type": "EmptyLatentImage",
    "inputs": {
      "width": 64,
      "height": 64,
      "batch_size": 1
    },
    "_meta": {
      "title": "Empty latent"
    }
  },
  "5": {
    "class_type": "KSampler",
    "inputs": {
      "model": [
        "1",
        0
      ],
      "seed": 1,
      "steps": 20,
      "cfg": 1.0,
      "sampler_name": "euler",
      "scheduler": "normal",
      "positive": [
        "2",
        0
      ],
      "negative": [
        "3",
        0
      ],
      "latent_image": [
        "4",
        0
      ],
      "denoise": 1.0
    },
    "_meta": {
      "title": "Seed 1, guidance 1"
    }
  },
  "6": {
    "class_type": "VAEDecode",
    "inputs": {
      "samples": [
        "5",
        0
      ],
      "vae": [
        "1",
        2
      ]
    }
  },
  "7": {
    "class_type": "KSampler",
    "inputs": {
      "model": [
        "1",
        0
      ],
      "seed": 2,
      "steps": 20,
      "cfg": 1.0,
      "sampler_name": "euler",
      "scheduler": "normal",
      "positive": [
        "2",
        0
      ],
      "negative": [
        "3",
        0
      ],
      "latent_image": [
        "4",
        0
      ],
      "denoise": 1.0
    },
    "_meta": {
      "title": "Seed 2, guidance 1"
    }
  },
  "8": {
    "class_type": "VAEDecode",
    "inputs": {
      "samples": [
        "7",
        0
      ],
      "vae": [
        "1",
        2
      ]
    }
  },
  "9": {
    "class_type": "ImageStitch",
    "inputs": {
      "image1": [
        "6",
        0
      ],
      "image2": [
        "8",
        0
      ],
      "direction": "right",
      "match_image_size": true,
      "spacing_width": 4,
      "spacing_color": "white"
    }
  },
  "10": {
    "class_type": "KSampler",
    "inputs": {
      "model": [
        "1",
        0
      ],
      "seed": 3,
      "steps": 20,
      "cfg": 1.0,
      "sampler_name": "euler",
      "scheduler": "normal",
      "positive": [
        "2",
        0
      ],
      "negative": [
        "3",
        0
      ],
      "latent_image": [
        "4",
        0
      ],
      "denoise": 1.0
    },
    "_meta": {
      "title": "Seed 3, guidance 1"
    }
  },
  "11": {
    "class_type": "VAEDecode",
    "inputs": {
      "samples": [
        "10",
        0
      ],
      "vae": [
        "1",
        2
      ]
    }
  },
  "12": {
    "class_type": "ImageStitch",
    "inputs": {
      "image1": [
        "9",
        0
      ],
      "image2": [
        "11",
        0
      ],
      "direction": "right",
      "match_image_size": true,
      "spacing_width": 4,
      "spacing_color": "white"
    }
  },
  "13": {
    "class_type": "KSampler",
    "inputs": {
      "model": [
        "1",
        0
      ],
      "seed": 1,
      "steps": 20,
      "cfg": 2.0,
      "sampler_name": "euler",
      "scheduler": "normal",
      "positive": [
        "2",
        0
      ],
      "negative": [
        "3",
        0
      ],
      "latent_image": [
        "4",
        0
      ],
      "denoise": 1.0
    },
    "_meta": {
      "title": "Seed 1, guidance 2"
    }
  },
  "14": {
    "class_type": "VAEDecode",
    "inputs": {
      "samples": [
        "13",
        0
      ],
      "vae": [
        "1",
        2
      ]
    }
  },
  "15": {
    "class_type": "KSampler",
    "inputs": {
      "model": [
        "1",
        0
      ],
      "seed": 2,
      "steps": 20,
      "cfg": 2.0,
      "sampler_name": "euler",
      "scheduler": "normal",
      "positive": [
        "2",
        0
      ],
      "negative": [
        "3",
        0
      ],
      "latent_image": [
        "4",
        0
      ],
      "denoise": 1.0
    },
    "_meta": {
      "title": "Seed 2, guidance 2"
    }
  },
  "16": {
    "class_type": "VAEDecode",
    "inputs": {
      "samples": [
        "15",
        0
      ],
      "vae": [
        "1",
        2
      ]
    }
  },
  "17": {
    "class_type": "ImageStitch",
    "inputs": {
      "image1": [
        "14",
        0
      ],
      "image2": [
        "16",
        0
      ],
      "direction": "right",
      "match_image_size": true,
      "spacing_width": 4,
      "spacing_color": "white"
    }
  },
  "18": {
    "class_type": "KSampler",
    "inputs": {
      "model": [
        "1",
        0
      ],
      "seed": 3,
      "steps": 20,
      "cfg": 2.0,
      "sampler_name": "euler",
      "scheduler": "normal",
      "positive": [
        "2",
        0
      ],
      "negative": [
        "3",
        0
      ],
      "latent_image": [
        "4",
        0
      ],
      "denoise": 1.0
    },
    "_meta": {
      "title": "Seed 3, guidance 2"
    }
  },
  "19": {
    "class_type": "VAEDecode",
    "inputs": {
      "samples": [
        "18",
        0
      ],
      "vae": [
        "1",
        2
      ]
    }
  },
  "20": {
    "class_type": "ImageStitch",
    "inputs": {
      "image1": [
        "17",
        0
      ],
      "image2": [
        "19",
        0
      ],
      "direction": "right",
      "match_image_size": true,
      "spacing_width": 4,
      "spacing_color": "white"
    }
  },
  "21": {
    "class_type": "KSampler",
    "inputs": {
      "model": [
        "1",
        0
      ],
      "seed": 1,
      "steps": 20,
      "cfg": 6.0,
      "sampler_name": "euler",
      "scheduler": "normal",
      "positive": [
        "2",
        0
      ],
      "negative": [
        "3",
        0
      ],
      "latent_image": [
        "4",
        0
      ],
      "denoise": 1.0
    },
    "_meta": {
      "title": "Seed 1, guidance 6"
    }
  },
  "22": {
    "class_type": "VAEDecode",
    "inputs": {
      "samples": [
        "21",
        0
      ],
      "vae": [
        "1",
        2
      ]
    }
  },
  "23": {
    "class_type": "KSampler",
    "inputs": {
      "model": [
        "1",
        0
      ],
      "seed": 2,
      "steps": 20,
      "cfg": 6.0,
      "sampler_name": "euler",
      "scheduler": "normal",
      "positive": [
        "2",
        0
      ],
      "negative": [
        "3",
        0
      ],
      "latent_image": [
        "4",
        0
      ],
      "denoise": 1.0
    },
    "_meta": {
      "title": "Seed 2, guidance 6"
    }
  },
  "24": {
    "class_type": "VAEDecode",
    "inputs": {
      "samples": [
        "23",
        0
      ],
      "vae": [
        "1",
        2
      ]
    }
  },
  "25": {
    "class_type": "ImageStitch",
    "inputs": {
      "image1": [
        "22",
        0
      ],
      "image2": [
        "24",
        0
      ],
      "direction": "right",
      "match_image_size": true,
      "spacing_width": 4,
      "spacing_color": "white"
    }
  },
  "26": {
    "class_type": "KSampler",
    "inputs": {
      "model": [
        "1",
        0
      ],
      "seed": 3,
      "steps": 20,
      "cfg": 6.0,
      "sampler_name": "euler",
      "scheduler": "normal",
      "positive": [
        "2",
        0
      ],
      "negative": [
        "3",
        0
      ],
      "latent_image": [
        "4",
        0
      ],
      "denoise": 1.0
    },
    "_meta": {
      "title": "Seed 3, guidance 6"
    }
  },
  "27": {
    "class_type": "VAEDecode",
    "inputs": {
      "samples": [
        "26",
        0
      ],
      "vae": [
        "1",
        2
      ]
    }
  },
  "28": {
    "class_type": "ImageStitch",
    "inputs": {
      "image1": [
        "25",
        0
      ],
      "image2": [
        "27",
        0
      ],
      "direction": "right",
      "match_image_size": true,
      "spacing_width": 4,
      "spacing_color": "white"
    }
  },
  "29": {
    "class_type": "ImageStitch",
    "inputs": {
      "image1": [
        "12",
        0
      ],
      "image2": [
        "20",
        0
      ],
      "direction": "down",
      "match_image_size": true,
      "spacing_width": 4,
      "spacing_color": "white"
    },
    "_meta": {
      "title": "Rows"
    }
  },
  "30": {
    "class_type": "ImageStitch",
    "inputs": {
      "image1": [
        "29",
        0
      ],
      "image2": [
        "28",
        0
      ],
      "direction": "down",
      "match_image_size": true,
      "spacing_width": 4,
      "spacing_color": "white"
    },
    "_meta": {
      "title": "Rows"
    }
  },
  "31": {
    "class_type": "SaveImage",
    "inputs": {
      "images": [
        "30",
        0
      ],
      "filename_prefix": "xy-grid"
    },
    "_meta": {
      "title": "Save"
    }
  }
}
`},{title:`LoRA`,about:`Things without colour, by a LoRA`,picture:Rl,text:Ml},{title:`ControlNet`,about:`Edges tell where the thing stands`,picture:Pl,text:Ol},{title:`Upscale`,about:`Enlarged four times by a network made for it`,picture:Hl,text:`{
  "1": {
    "class_type": "DiffusersLoader",
    "inputs": {
      "model_path": "burnish-demo"
    },
    "_meta": {
      "title": "Load the demo model"
    }
  },
  "2": {
    "class_type": "CLIPTextEncode",
    "inputs": {
      "text": "a red apple on a blue background",
      "clip": [
        "1",
        1
      ]
    },
    "_meta": {
      "title": "Prompt"
    }
  },
  "3": {
    "class_type": "CLIPTextEncode",
    "inputs": {
      "text": "",
      "clip": [
        "1",
        1
      ]
    },
    "_meta": {
      "title": "Negative prompt"
    }
  },
  "4": {
    "class_type": "EmptyLatentImage",
    "inputs": {
      "width": 64,
      "height": 64,
      "batch_size": 1
    },
    "_meta": {
      "title": "Empty latent"
    }
  },
  "5": {
    "class_type": "KSampler",
    "inputs": {
      "model": [
        "1",
        0
      ],
      "seed": 1,
      "steps": 20,
      "cfg": 4.0,
      "sampler_name": "euler",
      "scheduler": "normal",
      "positive": [
        "2",
        0
      ],
      "negative": [
        "3",
        0
      ],
      "latent_image": [
        "4",
        0
      ],
      "denoise": 1.0
    },
    "_meta": {
      "title": "Sample"
    }
  },
  "6": {
    "class_type": "VAEDecode",
    "inputs": {
      "samples": [
        "5",
        0
      ],
      "vae": [
        "1",
        2
      ]
    },
    "_meta": {
      "title": "Decode"
    }
  },
  "7": {
    "class_type": "UpscaleModelLoader",
    "inputs": {
      "model_name": "realesr-animevideov3-x4.safetensors"
    },
    "_meta": {
      "title": "Load the upscaler"
    }
  },
  "8": {
    "class_type": "ImageUpscaleWithModel",
    "inputs": {
      "upscale_model": [
        "7",
        0
      ],
      "image": [
        "6",
        0
      ]
    },
    "_meta": {
      "title": "Enlarge four times"
    }
  },
  "9": {
    "class_type": "SaveImage",
    "inputs": {
      "images": [
        "8",
        0
      ],
      "filename_prefix": "upscale"
    },
    "_meta": {
      "title": "Save"
    }
  }
}
`}];function Gl(e,t){let n=S(e),r=new Set;for(let e of Object.values(C(n)?n:{})){if(!C(e))continue;let n=t.spec(String(e.class_type));n||r.add(String(e.class_type));for(let{name:t,widget:i}of n?.inputs??[]){let n=C(e.inputs)?e.inputs[t]:void 0;i?.kind===`combo`&&typeof n==`string`&&!i.options.includes(n)&&r.add(n)}}return[...r]}var Kl=[{panel:`nodes`,icon:`nodes`,label:`Nodes`,keys:`N`},{panel:`workflows`,icon:`folder`,label:`Workflows`,keys:`W`},{panel:`models`,icon:`box`,label:`Models`,keys:`M`},{panel:`results`,icon:`picture`,label:`Results`,keys:`A`},{panel:`templates`,icon:`grid`,label:`Examples`,keys:`T`}];function ql(){let e=F(e=>e.panel),t=F(e=>e.logs);return(0,V.jsxs)(`nav`,{className:`rail`,"aria-label":`Panels`,children:[Kl.map(({panel:t,icon:n,label:r,keys:i})=>(0,V.jsxs)(`button`,{type:`button`,"aria-pressed":e===t,title:`${r} (${i})`,onClick:()=>ds(t),children:[(0,V.jsx)(X,{name:n,size:18}),(0,V.jsx)(`span`,{children:r})]},t)),(0,V.jsx)(`span`,{className:`grow`}),(0,V.jsxs)(`button`,{type:`button`,"aria-pressed":t,title:"Logs (Ctrl+`)",onClick:()=>ds(`logs`),children:[(0,V.jsx)(X,{name:`terminal`,size:18}),(0,V.jsx)(`span`,{children:`Logs`})]}),(0,V.jsxs)(`button`,{type:`button`,title:`Settings (Ctrl+,)`,onClick:()=>ds(`settings`),children:[(0,V.jsx)(X,{name:`gear`,size:18}),(0,V.jsx)(`span`,{children:`Settings`})]})]})}function Jl({title:e,children:t,actions:n}){return(0,V.jsxs)(`section`,{className:`panel`,"aria-label":e,children:[(0,V.jsxs)(`header`,{children:[(0,V.jsx)(`h2`,{children:e}),n]}),t]})}function Yl(){let e=F(e=>e.panel);return e===`nodes`?(0,V.jsx)(eu,{}):e===`workflows`?(0,V.jsx)(ru,{}):e===`models`?(0,V.jsx)(au,{}):e===`results`?(0,V.jsx)(su,{}):e===`templates`?(0,V.jsx)(cu,{}):null}function Xl({label:e,value:t,set:n}){return(0,V.jsxs)(`label`,{className:`search`,children:[(0,V.jsx)(X,{name:`search`,size:14}),(0,V.jsx)(`input`,{type:`search`,placeholder:e,"aria-label":e,value:t,onChange:e=>n(e.target.value)})]})}var Zl=e=>{let t=Xo();Vn(e,{at:Yo(t),screen:t})};function Ql({spec:e}){let t=Y(t=>t.favourites.includes(e.class));return(0,V.jsxs)(`li`,{className:`node-entry`,children:[(0,V.jsxs)(`button`,{type:`button`,draggable:!0,title:e.description.split(`

`)[0]||e.class,onDragStart:t=>{t.dataTransfer.setData(Qc,e.class),t.dataTransfer.effectAllowed=`copy`},onClick:()=>Zl(e.class),children:[(0,V.jsx)(`i`,{className:`dot`,style:{background:Pn(e.outputs[0]?.type??e.inputs[0]?.type??`*`)}}),(0,V.jsx)(`span`,{children:e.title}),e.deprecated&&(0,V.jsx)(`b`,{className:`badge`,children:`old`}),e.experimental&&(0,V.jsx)(`b`,{className:`badge`,children:`beta`})]}),(0,V.jsx)(`button`,{type:`button`,className:`star`,"aria-label":`Favourite ${e.title}`,"aria-pressed":t,onClick:()=>{let{favourites:n}=Y.getState();Ia(`favourites`,t?n.filter(t=>t!==e.class):[...n,e.class])},children:(0,V.jsx)(X,{name:`star`,size:12})})]})}function $l({kept:e}){return(0,V.jsxs)(`li`,{className:`node-entry`,children:[(0,V.jsxs)(`button`,{type:`button`,draggable:!0,title:`A subgraph that is kept for all workflows`,onDragStart:t=>{t.dataTransfer.setData($c,e.id),t.dataTransfer.effectAllowed=`copy`},onClick:()=>void Ha(e,Yo(Xo())),children:[(0,V.jsx)(X,{name:`layers`,size:12}),(0,V.jsx)(`span`,{children:e.name})]}),e.own&&(0,V.jsx)(`button`,{type:`button`,className:`star`,"aria-label":`Delete ${e.name}`,onClick:()=>void Ua(e),children:(0,V.jsx)(X,{name:`close`,size:12})})]})}function eu(){let e=F(e=>e.catalog),t=Y(e=>e.favourites),[n,r]=(0,x.useState)(``),i=(0,x.useMemo)(()=>[...e.specs.values()].sort((e,t)=>e.title.localeCompare(t.title)),[e]),a=(0,x.useMemo)(()=>{let e={name:``,folders:new Map,specs:[]};for(let t of i){let n=e;for(let e of t.category.split(`/`).filter(Boolean))n.folders.has(e)||n.folders.set(e,{name:e,folders:new Map,specs:[]}),n=n.folders.get(e);n.specs.push(t)}return e},[i]),o=n?sn(n,i,e=>[e.title,e.class,...e.aliases,e.category]).slice(0,200):null,s=za(e=>e.list),c=n?sn(n,s,e=>[e.name,`subgraph`]):s,l=t.flatMap(t=>e.spec(t)??[]);return(0,V.jsxs)(Jl,{title:`Nodes`,children:[(0,V.jsx)(Xl,{label:`Search nodes`,value:n,set:r}),(0,V.jsx)(`div`,{className:`scroll`,children:o?(0,V.jsxs)(`ul`,{className:`list`,children:[o.map(e=>(0,V.jsx)(Ql,{spec:e},e.class)),c.map(e=>(0,V.jsx)($l,{kept:e},e.id)),!o.length&&!c.length&&(0,V.jsx)(`li`,{className:`empty`,children:`No node is called so.`})]}):(0,V.jsxs)(V.Fragment,{children:[l.length>0&&(0,V.jsxs)(`details`,{open:!0,className:`tree`,children:[(0,V.jsx)(`summary`,{children:`Favourites`}),(0,V.jsx)(`ul`,{className:`list`,children:l.map(e=>(0,V.jsx)(Ql,{spec:e},e.class))})]}),s.length>0&&(0,V.jsxs)(`details`,{open:!0,className:`tree`,children:[(0,V.jsx)(`summary`,{children:`Subgraphs`}),(0,V.jsx)(`ul`,{className:`list`,children:s.map(e=>(0,V.jsx)($l,{kept:e},e.id))})]}),(0,V.jsx)(tu,{folder:a})]})})]})}function tu({folder:e}){return(0,V.jsxs)(V.Fragment,{children:[[...e.folders.values()].sort((e,t)=>e.name.localeCompare(t.name)).map(e=>(0,V.jsx)(nu,{folder:e},e.name)),e.specs.length>0&&(0,V.jsx)(`ul`,{className:`list`,children:e.specs.map(e=>(0,V.jsx)(Ql,{spec:e},e.class))})]})}function nu({folder:e}){let[t,n]=(0,x.useState)(!1),r=e=>e.specs.length+[...e.folders.values()].reduce((e,t)=>e+r(t),0);return(0,V.jsxs)(`details`,{className:`tree`,open:t,onToggle:e=>e.target===e.currentTarget&&n(e.currentTarget.open),children:[(0,V.jsxs)(`summary`,{children:[(0,V.jsx)(`span`,{children:e.name}),(0,V.jsx)(`small`,{children:r(e)})]}),t&&(0,V.jsx)(tu,{folder:e})]})}function ru(){let[e,t]=(0,x.useState)(null),[n,r]=(0,x.useState)(``),i=F(e=>e.tabs),a=()=>void Vi().then(t).catch(K);(0,x.useEffect)(a,[i.map(e=>`${e.file}${e.saved===e.history.present}`).join(`
`)]);let o=sn(n,e??[],e=>[e.name]);return(0,V.jsxs)(Jl,{title:`Workflows`,actions:(0,V.jsxs)(V.Fragment,{children:[(0,V.jsx)(`button`,{type:`button`,className:`icon-button`,"aria-label":`Save`,title:`Save (Ctrl+S)`,onClick:()=>ds(`save`),children:(0,V.jsx)(X,{name:`save`,size:14})}),(0,V.jsx)(`button`,{type:`button`,className:`icon-button`,"aria-label":`Open a file`,title:`Open a file (Ctrl+O)`,onClick:()=>ds(`open`),children:(0,V.jsx)(X,{name:`upload`,size:14})})]}),children:[(0,V.jsx)(Xl,{label:`Search workflows`,value:n,set:r}),(0,V.jsxs)(`ul`,{className:`list scroll`,children:[o.map(({name:e})=>(0,V.jsxs)(`li`,{className:`node-entry`,children:[(0,V.jsxs)(`button`,{type:`button`,onClick:()=>void eo(e),children:[(0,V.jsx)(X,{name:`folder`,size:14}),(0,V.jsx)(`span`,{children:e.replace(/\.json$/,``)})]}),(0,V.jsx)(`button`,{type:`button`,className:`star`,"aria-label":`More about ${e}`,onClick:t=>Z(t.currentTarget.getBoundingClientRect(),[{label:`Open`,run:()=>void eo(e)},{label:`Rename...`,run:()=>void to(e).then(a)},{label:`Delete...`,danger:!0,run:()=>void no(e).then(a)}]),children:(0,V.jsx)(X,{name:`more`,size:14})})]},e)),e&&!e.length&&(0,V.jsx)(`li`,{className:`empty`,children:`No workflow is saved here yet. Ctrl+S saves the one that is open.`})]})]})}var iu={checkpoints:[`CheckpointLoaderSimple`,`ckpt_name`],diffusers:[`DiffusersLoader`,`model_path`],loras:[`LoraLoader`,`lora_name`],vae:[`VAELoader`,`vae_name`],controlnet:[`ControlNetLoader`,`control_net_name`],diffusion_models:[`UNETLoader`,`unet_name`],text_encoders:[`CLIPLoader`,`clip_name`],clip_vision:[`CLIPVisionLoader`,`clip_name`],upscale_models:[`UpscaleModelLoader`,`model_name`]};function au(){let[e,t]=(0,x.useState)(null),[n,r]=(0,x.useState)(``),i=F(e=>e.catalog);(0,x.useEffect)(()=>{Pi().then(e=>Promise.all(e.map(async e=>({name:e,files:await Fi(e)})))).then(t).catch(K)},[i]);let a=(e??[]).map(e=>({...e,files:sn(n,e.files,e=>[e])})).filter(e=>e.files.length),o=(e,t)=>{let n=iu[e];if(!n||!i.spec(n[0]))return G(`No node of this server loads ${e}.`,`error`);let r=Xo();Vn(n[0],{at:Yo(r),screen:r},{[n[1]]:t})};return(0,V.jsxs)(Jl,{title:`Models`,children:[(0,V.jsx)(Xl,{label:`Search models`,value:n,set:r}),(0,V.jsxs)(`div`,{className:`scroll`,children:[a.map(e=>(0,V.jsxs)(`details`,{className:`tree`,open:!0,children:[(0,V.jsxs)(`summary`,{children:[(0,V.jsx)(`span`,{children:e.name}),(0,V.jsx)(`small`,{children:e.files.length})]}),(0,V.jsx)(`ul`,{className:`list`,children:e.files.map(t=>(0,V.jsx)(`li`,{className:`node-entry`,children:(0,V.jsxs)(`button`,{type:`button`,title:`Add a node that loads ${t}`,onClick:()=>o(e.name,t),children:[(0,V.jsx)(X,{name:`box`,size:14}),(0,V.jsx)(`span`,{children:t})]})},t))})]},e.name)),e&&!a.length&&(0,V.jsx)(`p`,{className:`empty`,children:n?`No model is called so.`:`There are no models in the server's folders.`})]})]})}var ou=e=>/\.(png|jpe?g|webp|avif|gif|svg)$/i.test(e);function su(){let[e,t]=(0,x.useState)(null),[n,r]=(0,x.useState)(``),i=q(e=>e.jobs.filter(e=>e.ended!==null).length);(0,x.useEffect)(()=>void Ii().then(t).catch(K),[i]);let a=sn(n,e??[],e=>[e]).slice(0,300),o=a.filter(ou),s=e=>({filename:e,subfolder:``,type:`output`}),c=async e=>{let t=await(await fetch(W(s(e)))).blob();await oo(new File([t],e,{type:t.type}))};return(0,V.jsxs)(Jl,{title:`Results`,children:[(0,V.jsx)(Xl,{label:`Search results`,value:n,set:r}),(0,V.jsxs)(`ul`,{className:`results scroll`,children:[a.map(e=>(0,V.jsxs)(`li`,{children:[(0,V.jsxs)(`button`,{type:`button`,title:e,onClick:()=>ou(e)?Ds(o.map(s),o.indexOf(e)):window.open(W(s(e))),onContextMenu:t=>{t.preventDefault(),Z({x:t.clientX,y:t.clientY},[{label:`Open its workflow`,run:()=>void c(e).catch(K)}])},children:[ou(e)?(0,V.jsx)(`img`,{src:W(s(e)),alt:``,loading:`lazy`}):(0,V.jsx)(X,{name:`box`,size:24}),(0,V.jsx)(`span`,{children:e})]}),(0,V.jsx)(`button`,{type:`button`,className:`icon-button`,"aria-label":`Open the workflow of ${e}`,title:`Open its workflow`,onClick:()=>void c(e).catch(K),children:(0,V.jsx)(X,{name:`nodes`,size:12})})]},e)),e&&!a.length&&(0,V.jsx)(`li`,{className:`empty`,children:n?`No result is called so.`:`Nothing is saved yet.`})]})]})}function cu(){let[e,t]=(0,x.useState)(``),n=F(e=>e.catalog),r=F(e=>e.ready),i=sn(e,Wl,e=>[e.title,e.about]);return(0,V.jsxs)(Jl,{title:`Examples`,children:[(0,V.jsx)(Xl,{label:`Search examples`,value:e,set:t}),(0,V.jsxs)(`ul`,{className:`templates scroll`,children:[i.map(e=>{let t=r?Gl(e.text,n):[];return(0,V.jsx)(`li`,{children:(0,V.jsxs)(`button`,{type:`button`,onClick:()=>ro(S(e.text),e.title),children:[(0,V.jsx)(`img`,{src:e.picture,alt:``,loading:`lazy`}),(0,V.jsx)(`b`,{children:e.title}),(0,V.jsx)(`span`,{children:e.about}),t.length>0&&(0,V.jsxs)(`span`,{className:`needs`,children:[`Needs `,t.join(`, `)]})]})},e.title)}),!i.length&&(0,V.jsx)(`li`,{className:`empty`,children:`No example is called so.`})]})]})}function lu({title:e,close:t,children:n,small:r=!1}){let i=(0,x.useRef)(null);return(0,x.useEffect)(()=>{i.current?.open||i.current?.showModal(),i.current?.querySelector(`[data-focus], .search input`)?.focus()},[]),(0,V.jsxs)(`dialog`,{ref:i,className:r?`modal modal-small`:`modal`,"aria-label":e,onClose:t,onKeyDown:e=>e.stopPropagation(),onPointerDown:e=>e.target===e.currentTarget&&t(),children:[(0,V.jsxs)(`header`,{children:[(0,V.jsx)(`h2`,{children:e}),(0,V.jsx)(`button`,{type:`button`,className:`icon-button`,"aria-label":`Close`,onClick:t,children:(0,V.jsx)(X,{name:`close`,size:14})})]}),n]})}var uu=()=>F.setState({dialog:null});function du(){let e=F(e=>e.dialog),t=$i(e=>e.question);return(0,V.jsxs)(V.Fragment,{children:[e===`settings`&&(0,V.jsx)(pu,{}),e===`shortcuts`&&(0,V.jsx)(mu,{}),t&&(0,V.jsx)(hu,{question:t},t.title)]})}var fu=[{key:`theme`,label:`Theme`,options:[[`system`,`As the system`],[`dark`,`Dark`],[`light`,`Light`]]},{key:`links`,label:`Links`,options:[[`spline`,`Curved`],[`straight`,`Straight`],[`step`,`At right angles`],[`hidden`,`Hidden`]]},{key:`release`,label:`A link that is let go over the empty canvas`,options:[[`search`,`Searches for a node`],[`nothing`,`Does nothing`]]},{key:`drag`,label:`Dragging the empty canvas`,options:[[`pan`,`Moves the view`],[`select`,`Selects`]]},{key:`wheel`,label:`The wheel`,options:[[`zoom`,`Zooms`],[`pan`,`Moves the view`]]},{key:`control`,label:`Seeds change`,options:[[`after`,`After each run`],[`before`,`Before each run`]]},{key:`snap`,label:`Snap to the grid`,about:`Nodes keep to steps of 8.`},{key:`minimap`,label:`Map`,about:`The whole workflow, small, in the corner.`},{key:`translate`,label:`Names of nodes in my language`,about:`Where the server knows them. Takes effect when the classes are read again (R).`},{key:`animate`,label:`Motion`,about:`Also off where the system asks for less motion.`},{key:`confirmDelete`,label:`Ask before a tab with changes is closed by the browser`}];function pu(){let e=Y(),[t,n]=(0,x.useState)(``),r=sn(t,fu,e=>[e.label,e.about??``]);return(0,V.jsxs)(lu,{title:`Settings`,close:uu,children:[(0,V.jsx)(Xl,{label:`Search settings`,value:t,set:n}),(0,V.jsx)(`div`,{className:`scroll settings`,children:r.map(t=>(0,V.jsxs)(`label`,{className:`setting`,children:[(0,V.jsxs)(`span`,{children:[t.label,t.about&&(0,V.jsx)(`small`,{children:t.about})]}),t.options?(0,V.jsx)(`select`,{value:String(e[t.key]),onChange:e=>Ia(t.key,e.target.value),children:t.options.map(([e,t])=>(0,V.jsx)(`option`,{value:String(e),children:t},String(e)))}):(0,V.jsx)(`input`,{type:`checkbox`,role:`switch`,checked:e[t.key]===!0,onChange:e=>Ia(t.key,e.target.checked)})]},t.key))}),(0,V.jsxs)(`footer`,{children:[(0,V.jsx)(`button`,{type:`button`,className:`button`,onClick:La,children:`Reset all`}),(0,V.jsx)(`span`,{className:`grow`}),(0,V.jsx)(`button`,{type:`button`,className:`button`,onClick:()=>F.setState({dialog:`shortcuts`}),children:`Keys...`})]})]})}function mu(){let e=Y(e=>e.keys),[t,n]=(0,x.useState)(``),[r,i]=(0,x.useState)(null),a=sn(t,ls,e=>[e.title,...fs(e)]),o=[...new Set(a.map(e=>e.section))];return(0,V.jsxs)(lu,{title:`Keys`,close:uu,children:[(0,V.jsx)(Xl,{label:`Search keys`,value:t,set:n}),(0,V.jsx)(`div`,{className:`scroll keys`,children:o.map(t=>(0,V.jsxs)(`section`,{children:[(0,V.jsx)(`h3`,{children:t}),a.filter(e=>e.section===t).map(t=>{let n=ls.find(e=>e!==t&&fs(e).some(e=>fs(t).includes(e)));return(0,V.jsxs)(`div`,{className:`key-row`,children:[(0,V.jsx)(`span`,{children:t.title}),n&&(0,V.jsx)(`b`,{className:`badge`,"data-tone":`bad`,children:`also: ${n.title}`}),(0,V.jsx)(`button`,{type:`button`,className:`key-edit`,"aria-label":`Keys of ${t.title}: ${fs(t).join(`, `)||`none`}`,title:`Click, then press the keys; Backspace takes them away`,onClick:()=>i(t.id),onBlur:()=>i(null),onKeyDown:n=>{r===t.id&&n.key!==`Tab`&&(n.preventDefault(),n.stopPropagation(),[`Control`,`Shift`,`Alt`,`Meta`].includes(n.key)||(n.key!==`Escape`&&Ia(`keys`,{...e,[t.id]:n.key===`Backspace`?``:ms(n.nativeEvent)}),i(null)))},children:r===t.id?`press keys`:fs(t).map(e=>(0,V.jsx)(`kbd`,{children:e},e))})]},t.id)})]},t))}),(0,V.jsx)(`footer`,{children:(0,V.jsx)(`button`,{type:`button`,className:`button`,onClick:()=>Ia(`keys`,{}),children:`Reset all`})})]})}function hu({question:e}){let[t,n]=(0,x.useState)(e.value??``),r=t=>{$i.setState({question:null}),e.answer(t)};return(0,V.jsx)(lu,{title:e.title,close:()=>r(null),small:!0,children:(0,V.jsxs)(`form`,{onSubmit:e=>{e.preventDefault(),r(t)},children:[e.text&&(0,V.jsx)(`p`,{children:e.text}),e.value!==void 0&&(0,V.jsx)(`input`,{className:`field`,"data-focus":!0,"aria-label":e.title,value:t,onFocus:e=>e.currentTarget.select(),onChange:e=>n(e.target.value)}),(0,V.jsxs)(`footer`,{children:[(0,V.jsx)(`button`,{type:`button`,className:`button`,onClick:()=>r(null),children:`Cancel`}),(0,V.jsx)(`button`,{type:`submit`,className:`button button-main`,"data-danger":e.danger||void 0,"data-focus":e.value===void 0||void 0,children:e.yes})]})]})})}function gu(){let e=$i(e=>e.notices);return(0,V.jsx)(`div`,{className:`notices`,role:`status`,"aria-live":`polite`,children:e.map(e=>(0,V.jsxs)(`div`,{className:`notice`,"data-kind":e.kind,children:[(0,V.jsx)(`p`,{children:e.text}),(0,V.jsx)(`button`,{type:`button`,className:`icon-button`,"aria-label":`Dismiss`,onClick:()=>ta(e.id),children:(0,V.jsx)(X,{name:`close`,size:12})})]},e.id))})}function _u(){return F(e=>e.logs)?(0,V.jsx)(vu,{}):null}function vu(){let[e,t]=(0,x.useState)([]),[n,r]=(0,x.useState)(null),i=q(e=>e.current?.node),a=(0,x.useRef)(null);return(0,x.useEffect)(()=>{let e=!1,n=()=>void Ni().then(n=>{e||(t(n),r(null))},t=>!e&&r(t instanceof Error?t.message:String(t)));n();let i=setInterval(n,2e3);return()=>{e=!0,clearInterval(i)}},[i]),(0,x.useEffect)(()=>a.current?.scrollTo({top:a.current.scrollHeight}),[e]),(0,V.jsxs)(`section`,{className:`logs`,"aria-label":`Logs`,children:[(0,V.jsxs)(`header`,{children:[(0,V.jsx)(`h2`,{children:`Logs`}),(0,V.jsx)(`button`,{type:`button`,className:`icon-button`,"aria-label":`Close the logs`,onClick:()=>F.setState({logs:!1}),children:(0,V.jsx)(X,{name:`close`,size:14})})]}),(0,V.jsx)(`pre`,{ref:a,tabIndex:0,children:n??(e.length?e.join(``).trimEnd():`Nothing has been written yet.`)})]})}function yu(){let e=F(e=>e.side);return e===`jobs`?(0,V.jsx)(Cu,{}):e===`errors`?(0,V.jsx)(Eu,{}):e===`node`?(0,V.jsx)(Ou,{}):null}var bu=()=>F.setState({side:null});function xu(){return(0,V.jsx)(`button`,{type:`button`,className:`icon-button`,"aria-label":`Close the panel`,onClick:bu,children:(0,V.jsx)(X,{name:`close`,size:14})})}var Su={pending:`waiting`,in_progress:`running`,completed:`done`,failed:`failed`,cancelled:`stopped`};function Cu(){let e=q(e=>e.jobs),t=q(e=>e.current);(0,x.useEffect)(()=>void xa(),[]);let n=e.filter(e=>e.status===`pending`).reverse(),r=e.filter(e=>e.status===`in_progress`),i=e.filter(e=>e.status!==`pending`&&e.status!==`in_progress`),a=async e=>{if(e.preview)try{let{outputs:t}=await Ei(e.id),n=Object.values(t).flatMap(e=>C(e)?_a(e).images:[]);n.length&&Ds(n,Math.max(0,n.findIndex(t=>t.filename===e.preview?.filename)))}catch(e){K(e)}},o=e=>(0,V.jsxs)(`li`,{className:`job`,"data-status":e.status,children:[(0,V.jsx)(`button`,{type:`button`,className:`job-picture`,"aria-label":e.preview?`View the result of job ${e.id.slice(0,8)}`:`Job ${e.id.slice(0,8)}`,disabled:!e.preview,onClick:()=>void a(e),children:e.preview&&e.preview.mediaType===`images`?(0,V.jsx)(`img`,{loading:`lazy`,src:W(e.preview),alt:``}):(0,V.jsx)(X,{name:e.status===`failed`?`warn`:`clock`,size:18})}),(0,V.jsxs)(`div`,{className:`job-about`,children:[(0,V.jsx)(`b`,{children:Su[e.status]}),(0,V.jsx)(`span`,{className:`muted`,children:wu(e)}),e.error&&(0,V.jsx)(`span`,{className:`job-error`,children:e.error.split(`
`)[0]}),e.status===`in_progress`&&(0,V.jsx)(`i`,{className:`bar`,children:(0,V.jsx)(`i`,{style:{transform:`scaleX(${t?.job===e.id&&t.total?t.done/t.total:0})`}})})]}),(0,V.jsx)(`button`,{type:`button`,className:`icon-button`,"aria-label":`More about job ${e.id.slice(0,8)}`,onClick:t=>Z(t.currentTarget.getBoundingClientRect(),[{label:`Open its workflow`,run:()=>void po(e.id)},e.status===`pending`||e.status===`in_progress`?{label:`Cancel`,danger:!0,run:()=>void Di(e.id).then(xa).catch(K)}:{label:`Forget`,danger:!0,run:()=>void Ai(e.id).then(xa).catch(K)}]),children:(0,V.jsx)(X,{name:`more`,size:14})})]},e.id);return(0,V.jsx)(Jl,{title:`Queue`,actions:(0,V.jsxs)(V.Fragment,{children:[(0,V.jsx)(`button`,{type:`button`,className:`icon-button`,"aria-label":`More`,onClick:e=>Z(e.currentTarget.getBoundingClientRect(),[{label:`Empty the queue`,run:()=>void Xa()},{label:`Forget all that is over`,danger:!0,run:()=>void ji().then(xa).catch(K)},{label:`Free memory`,run:()=>void Mi().catch(K)}]),children:(0,V.jsx)(X,{name:`more`,size:14})}),(0,V.jsx)(xu,{})]}),children:(0,V.jsxs)(`ul`,{className:`jobs scroll`,children:[r.map(o),n.map(o),(r.length>0||n.length>0)&&i.length>0&&(0,V.jsx)(`li`,{"aria-hidden":!0,children:(0,V.jsx)(`hr`,{})}),i.map(o),!e.length&&(0,V.jsx)(`li`,{className:`empty`,children:`Nothing has run yet. Ctrl+Enter runs the workflow.`})]})})}function wu(e){return`${e.created?new Date(e.created).toLocaleTimeString([],{hour:`2-digit`,minute:`2-digit`}):``}${e.started&&e.ended?` · ${((e.ended-e.started)/1e3).toFixed(1)} s`:``}`}function Tu(e){let t=I(F.getState()),n=e.split(`:`),r=t.history.present.layers.get(``),i=[];for(let e of n.slice(0,-1)){let n=r.nodes.get(e),a=n&&t.history.present.layers.get(n.type);if(!n||!a)return;i.push({node:e,layer:n.type}),r=a}let a=n.at(-1);r.nodes.has(a)&&(yn(t.id,e=>({...e,path:i,view:i.length===e.path.length?e.view:null})),B({nodes:[a]}),setTimeout(()=>Wo([a]),60))}function Eu(){let e=F(I),t=F(e=>e.catalog),n=q(t=>t.runs[e.id]),r=q(t=>t.refusals[e.id]),i=e.history.present,a=Object.entries(n??{}).filter(([,e])=>e.errors.length>0),o=(0,x.useMemo)(()=>io(i,t),[i,t]),s=(0,x.useMemo)(()=>ao(i,t),[i,t]),c=e=>{let n=i.layers.get(``),r=e.split(`:`);for(let e of r.slice(0,-1))n=i.layers.get(n.nodes.get(e)?.type??``)??n;let a=n.nodes.get(r.at(-1));return a?M(i,n,a,t).title:e};return(0,V.jsx)(Jl,{title:`Errors`,actions:(0,V.jsx)(xu,{}),children:(0,V.jsxs)(`div`,{className:`scroll errors`,children:[r&&!a.length&&(0,V.jsx)(`p`,{className:`refusal`,children:r}),a.map(([e,t])=>(0,V.jsxs)(`article`,{children:[(0,V.jsxs)(`button`,{type:`button`,className:`error-node`,onClick:()=>Tu(e),children:[(0,V.jsx)(`b`,{children:c(e)}),` `,(0,V.jsx)(`span`,{className:`muted`,children:e})]}),t.errors.map((e,t)=>(0,V.jsx)(Du,{error:e},t))]},e)),o.length>0&&(0,V.jsxs)(`article`,{children:[(0,V.jsx)(`h3`,{children:`Not on this server`}),(0,V.jsx)(`ul`,{children:o.map(e=>(0,V.jsx)(`li`,{children:(0,V.jsx)(`code`,{children:e})},e))})]}),s.length>0&&(0,V.jsxs)(`article`,{children:[(0,V.jsx)(`h3`,{children:`Files that are not on this server`}),s.map(e=>(0,V.jsxs)(`div`,{className:`missing-file`,children:[(0,V.jsx)(`b`,{children:e.title}),` `,(0,V.jsx)(`span`,{className:`muted`,children:e.widget}),(0,V.jsx)(`code`,{children:e.value}),e.options.length>0&&(0,V.jsx)(`button`,{type:`button`,className:`button`,onClick:n=>Z(n.currentTarget.getBoundingClientRect(),e.options.slice(0,30).map(n=>({label:String(n),run:()=>z(r=>P(r,e.layer,[e.node],i=>gt(r,i,t,e.widget,n)))}))),children:`Use another`})]},`${e.layer}/${e.node}/${e.widget}`))]}),!r&&!a.length&&!o.length&&!s.length&&(0,V.jsx)(`p`,{className:`empty`,children:`Nothing is wrong.`})]})})}function Du({error:e}){let t=[e.message,e.details,e.trace].filter(Boolean).join(`
`);return(0,V.jsxs)(`div`,{className:`error-text`,children:[(0,V.jsxs)(`p`,{children:[e.input&&(0,V.jsx)(`code`,{children:e.input}),` `,e.message]}),e.details&&e.details!==e.message&&e.details!==e.input&&(0,V.jsx)(`p`,{className:`muted`,children:e.details}),e.trace&&(0,V.jsxs)(`details`,{children:[(0,V.jsx)(`summary`,{children:`Where it happened`}),(0,V.jsx)(`pre`,{children:e.trace})]}),(0,V.jsx)(`button`,{type:`button`,className:`button`,onClick:()=>void navigator.clipboard.writeText(t).catch(K),children:`Copy`})]})}function Ou(){let e=F(I),t=F(e=>e.catalog),n=F(e=>e.selection.nodes[0]),r=F(R),i=F(L),a=n===void 0?void 0:r.nodes.get(n),o=a&&M(i,r,a,t),[s,c]=(0,x.useState)(null);return(0,x.useEffect)(()=>c(null),[n,e.id]),!a||!o?(0,V.jsx)(Jl,{title:`Node`,actions:(0,V.jsx)(xu,{}),children:(0,V.jsx)(`p`,{className:`empty`,children:`Select a node.`})}):(0,V.jsx)(Jl,{title:`Node`,actions:(0,V.jsx)(xu,{}),children:(0,V.jsxs)(`div`,{className:`scroll node-info`,children:[(0,V.jsx)(`input`,{className:`field`,"aria-label":`Title`,value:s??o.title,onChange:e=>c(e.target.value),onBlur:()=>{s!==null&&s!==o.title&&z((e,t)=>Ht(e,t,D(a),s)),c(null)}}),(0,V.jsxs)(`p`,{className:`muted`,children:[a.type,` · `,D(a)]}),o.spec?.description.split(`

`).map((e,t)=>(0,V.jsx)(`p`,{children:e},t)),o.inputs.length+o.rows.length>0&&(0,V.jsx)(`h3`,{children:`Inputs`}),(0,V.jsx)(`dl`,{children:[...o.inputs,...o.rows.map(e=>({name:e.key,label:e.label,type:e.socket?.type??``,tooltip:e.tooltip}))].map(e=>(0,V.jsxs)(`div`,{children:[(0,V.jsxs)(`dt`,{children:[(0,V.jsx)(`i`,{className:`dot`,style:{background:Pn(e.type)}}),` `,e.label,` `,(0,V.jsx)(`span`,{className:`muted`,children:e.type})]}),e.tooltip&&(0,V.jsx)(`dd`,{children:e.tooltip})]},e.name))}),o.outputs.length>0&&(0,V.jsx)(`h3`,{children:`Outputs`}),(0,V.jsx)(`dl`,{children:o.outputs.map((e,t)=>(0,V.jsxs)(`div`,{children:[(0,V.jsxs)(`dt`,{children:[(0,V.jsx)(`i`,{className:`dot`,style:{background:Pn(e.type)}}),` `,e.label,` `,(0,V.jsx)(`span`,{className:`muted`,children:e.type})]}),e.tooltip&&(0,V.jsx)(`dd`,{children:e.tooltip})]},t))})]})})}var $=(e,t)=>{let n=ps(t);return{label:e,...n?{keys:n}:{},run:()=>ds(t)}};function ku(){return(0,V.jsxs)(`header`,{className:`topbar`,children:[(0,V.jsxs)(`button`,{type:`button`,className:`brand`,"aria-label":`Menu`,onClick:e=>Z(e.currentTarget.getBoundingClientRect(),[$(`New`,`new`),$(`Open a file...`,`open`),$(`Workflows on the server`,`workflows`),$(`Examples`,`templates`),`-`,$(`Save`,`save`),$(`Save as...`,`save-as`),$(`Export`,`export`),$(`Export in format 1.0`,`export-1`),$(`Export for the API`,`export-api`),`-`,$(`Undo`,`undo`),$(`Redo`,`redo`),$(`Arrange`,`arrange`),`-`,$(`Settings`,`settings`),$(`Keys`,`shortcuts`),$(`Logs`,`logs`)]),children:[(0,V.jsxs)(`svg`,{width:`20`,height:`20`,viewBox:`0 0 32 32`,"aria-hidden":`true`,children:[(0,V.jsx)(`path`,{d:`M6 9h7a3 3 0 0 1 3 3v8a3 3 0 0 0 3 3h7`,fill:`none`,stroke:`var(--accent)`,strokeWidth:`2.6`,strokeLinecap:`round`}),(0,V.jsx)(`circle`,{cx:`6`,cy:`9`,r:`4`,fill:`var(--accent)`}),(0,V.jsx)(`circle`,{cx:`26`,cy:`23`,r:`4`,fill:`var(--t-IMAGE)`})]}),(0,V.jsx)(`span`,{children:`Burnish`}),(0,V.jsx)(X,{name:`chevron`,size:12})]}),(0,V.jsx)(Au,{}),(0,V.jsx)(Mu,{})]})}function Au(){let e=F(e=>e.tabs),t=F(e=>e.active);return(0,V.jsxs)(`nav`,{className:`tabs`,"aria-label":`Open workflows`,children:[(0,V.jsx)(`div`,{className:`tabs-list`,children:e.map(n=>(0,V.jsxs)(`div`,{className:`tab`,"data-active":n.id===t||void 0,children:[(0,V.jsx)(`button`,{type:`button`,className:`tab-name`,"aria-current":n.id===t?`page`:void 0,tabIndex:n.id===t?0:-1,title:n.file??`Not saved on the server`,onClick:()=>Tn(n.id),onAuxClick:e=>e.button===1&&void fo(n.id),onKeyDown:t=>{let r=t.key===`ArrowRight`?1:t.key===`ArrowLeft`?-1:0;if(!r||t.shiftKey)return;let i=e[(e.indexOf(n)+r+e.length)%e.length];Tn(i.id),(t.currentTarget.closest(`.tabs-list`)?.querySelectorAll(`.tab-name`)[e.indexOf(i)])?.focus()},children:(0,V.jsx)(`span`,{children:n.name})}),(0,V.jsx)(`button`,{type:`button`,className:`tab-close`,tabIndex:-1,"data-dirty":vn(n)||void 0,"aria-label":`Close ${n.name}${vn(n)?`, not saved`:``}`,onClick:()=>void fo(n.id),children:(0,V.jsx)(X,{name:`close`,size:12})})]},n.id))}),(0,V.jsx)(`button`,{type:`button`,className:`icon-button`,"aria-label":`New workflow`,title:`New workflow`,onClick:()=>wn(mn()),children:(0,V.jsx)(X,{name:`plus`,size:14})})]})}var ju={off:`Run when asked`,change:`Run on every change`,always:`Run again and again`};function Mu(){let e=q(e=>e.connection),t=q(e=>e.remaining),n=q(e=>e.current),r=F(e=>e.ready),i=Y(e=>e.batch),a=Y(e=>e.auto),o=e===`open`?r?null:`The node classes are being read`:`There is no connection to the server`;return(0,V.jsxs)(`div`,{className:`runbar`,children:[e===`lost`&&(0,V.jsxs)(`span`,{className:`lost`,role:`status`,children:[(0,V.jsx)(`i`,{}),` reconnecting`]}),n&&(0,V.jsx)(`span`,{className:`current`,role:`status`,"aria-label":`Running, ${n.done} of ${n.total} nodes done`,children:(0,V.jsx)(`i`,{style:{transform:`scaleX(${n.total?n.done/n.total:0})`}})}),(0,V.jsxs)(`button`,{type:`button`,className:`queue-button`,"aria-label":`Queue: ${t} waiting or running`,title:`Queue and history (Q)`,onClick:()=>ds(`jobs`),children:[(0,V.jsx)(X,{name:`clock`}),(0,V.jsx)(`span`,{"data-some":t>0||void 0,children:t})]}),(0,V.jsx)(`button`,{type:`button`,className:`icon-button`,"aria-label":`Stop`,title:`Stop (${ps(`interrupt`)??``})`,disabled:t===0,onClick:()=>void Ya(),children:(0,V.jsx)(X,{name:`stop`})}),(0,V.jsxs)(`div`,{className:`run-group`,children:[(0,V.jsxs)(`button`,{type:`button`,className:`run`,disabled:o!==null,title:o??`Run (${ps(`run`)??``})`,onClick:e=>void Ka({front:e.shiftKey}),children:[(0,V.jsx)(X,{name:`play`,size:14}),(0,V.jsx)(`span`,{children:`Run`})]}),(0,V.jsx)(`input`,{type:`number`,className:`batch`,min:1,max:100,value:i,"aria-label":`How many times`,title:`How many times`,onChange:e=>Ia(`batch`,Math.min(100,Math.max(1,Math.round(Number(e.target.value))||1)))}),(0,V.jsx)(`button`,{type:`button`,className:`run-more`,"aria-label":`How to run`,"data-auto":a===`off`?void 0:a,onClick:e=>Z(e.currentTarget.getBoundingClientRect(),[...[`off`,`change`,`always`].map(e=>({label:ju[e],checked:a===e,run:()=>Ia(`auto`,e)})),`-`,$(`Run before all that waits`,`run-front`),$(`Run only the selected nodes`,`run-selected`),$(`Empty the queue`,`clear-queue`)]),children:(0,V.jsx)(X,{name:`chevron`,size:12})})]})]})}var Nu=500,Pu=10;function Fu(){let e,t=null,n=!1,r=()=>{clearTimeout(e),t=null},i=i=>{r(),n=!1;let{target:a,clientX:o,clientY:s}=i;i.pointerType===`touch`&&i.isPrimary&&a instanceof Element&&!a.closest(`input, textarea, select, .popup`)&&(t={x:o,y:s},e=setTimeout(()=>{n=!0,t=null,a.dispatchEvent(new MouseEvent(`contextmenu`,{bubbles:!0,cancelable:!0,clientX:o,clientY:s,button:2,view:window}))},Nu))},a=e=>{t&&Math.hypot(e.clientX-t.x,e.clientY-t.y)>Pu&&r()},o=e=>e.touches.length>1&&r(),s=e=>{e.isTrusted&&(r(),n&&(e.preventDefault(),e.stopPropagation()))},c=e=>{n&&(n=!1,e.preventDefault(),e.stopPropagation())},l=e=>{r(),n&&e.cancelable&&e.preventDefault(),setTimeout(()=>n=!1)},u={capture:!0,passive:!0};return addEventListener(`pointerdown`,i,!0),addEventListener(`pointermove`,a,!0),addEventListener(`pointercancel`,r,!0),addEventListener(`touchstart`,o,u),addEventListener(`touchend`,l,{capture:!0,passive:!1}),addEventListener(`contextmenu`,s,!0),addEventListener(`click`,c,!0),()=>{r(),removeEventListener(`pointerdown`,i,!0),removeEventListener(`pointermove`,a,!0),removeEventListener(`pointercancel`,r,!0),removeEventListener(`touchstart`,o,u),removeEventListener(`touchend`,l,{capture:!0}),removeEventListener(`contextmenu`,s,!0),removeEventListener(`click`,c,!0)}}var Iu=!1;function Lu(e){if(e.target instanceof HTMLElement&&e.target.matches(`input, textarea`))return;let t=Yo(Zo()),n=[...e.clipboardData?.files??[]].find(e=>e.type.startsWith(`image/`));if(e.preventDefault(),n)return void so(n,t).catch(K);let r=e.clipboardData?.getData(`text/plain`)??``;if(r&&vo(r,t,Iu))return;let i=yo();i&&vo(i,t,Iu)}function Ru(){(0,x.useEffect)(()=>{let e=()=>{};(async()=>{try{await Ra()}catch(e){K(e)}try{await ho()}catch(e){K(e)}mo(),Za(),e=Da(()=>void Ra().catch(K))})();let t=e=>{Iu=e.shiftKey,gs(e)},n=e=>{Y.getState().confirmDelete&&q.getState().connection===`lost`&&F.getState().tabs.some(vn)&&e.preventDefault()},r=Fu();return addEventListener(`keydown`,t),addEventListener(`paste`,Lu),addEventListener(`beforeunload`,n),()=>{e(),r(),removeEventListener(`keydown`,t),removeEventListener(`paste`,Lu),removeEventListener(`beforeunload`,n)}},[])}function zu(){let e=Y(e=>e.theme),t=Y(e=>e.animate);(0,x.useEffect)(()=>{let n=matchMedia(`(prefers-color-scheme: light)`),r=()=>{document.documentElement.dataset.theme=e===`system`?n.matches?`light`:`dark`:e,document.documentElement.toggleAttribute(`data-still`,!t)};return r(),n.addEventListener(`change`,r),()=>n.removeEventListener(`change`,r)},[e,t])}function Bu(){return Ru(),zu(),(0,V.jsx)(te,{children:(0,V.jsxs)(`div`,{className:`app`,children:[(0,V.jsx)(ku,{}),(0,V.jsx)(ql,{}),(0,V.jsx)(Yl,{}),(0,V.jsxs)(`main`,{children:[(0,V.jsx)(Vu,{}),(0,V.jsx)(Sl,{}),(0,V.jsx)(Hu,{}),(0,V.jsx)(_u,{})]}),(0,V.jsx)(yu,{}),(0,V.jsx)(Ln,{}),(0,V.jsx)(No,{}),(0,V.jsx)(du,{}),(0,V.jsx)(ks,{}),(0,V.jsx)(Cs,{}),(0,V.jsx)(gu,{})]})})}function Vu(){let e=F(I);if(!e.path.length)return null;let t=e.path.map(t=>e.history.present.layers.get(t.layer)?.name||`Subgraph`);return(0,V.jsxs)(`nav`,{className:`path`,"aria-label":`Subgraphs`,children:[(0,V.jsx)(`button`,{type:`button`,onClick:()=>On(0),children:e.name}),t.map((e,n)=>(0,V.jsxs)(`span`,{children:[(0,V.jsx)(X,{name:`right`,size:12}),(0,V.jsx)(`button`,{type:`button`,"aria-current":n===t.length-1?`page`:void 0,onClick:()=>On(n+1),children:e})]},n))]})}function Hu(){let e=F(e=>e.locked),t=F(e=>I(e).view?.zoom??1),n=q(e=>Object.values(e.runs[F.getState().active]??{}).filter(e=>e.errors.length).length);return(0,V.jsxs)(`div`,{className:`viewbar`,role:`toolbar`,"aria-label":`View`,children:[(0,V.jsx)(`button`,{type:`button`,"aria-label":`Zoom out`,title:`Zoom out (Alt+-)`,onClick:()=>Go(.8),children:`−`}),(0,V.jsxs)(`button`,{type:`button`,className:`zoom`,title:`Back to 100 %`,"aria-label":`Zoom ${Math.round(t*100)} %`,onClick:()=>Ko(1),children:[Math.round(t*100),` %`]}),(0,V.jsx)(`button`,{type:`button`,"aria-label":`Zoom in`,title:`Zoom in (Alt+=)`,onClick:()=>Go(1.25),children:`+`}),(0,V.jsx)(`button`,{type:`button`,"aria-label":`Show all`,title:`Show all (.)`,onClick:()=>Wo(),children:(0,V.jsx)(X,{name:`fit`,size:14})}),(0,V.jsx)(`button`,{type:`button`,"aria-label":`Lock the canvas`,"aria-pressed":e,title:`Lock (H)`,onClick:()=>ds(`lock`),children:(0,V.jsx)(X,{name:`lock`,size:14})}),(0,V.jsx)(`button`,{type:`button`,"aria-label":`Undo`,title:`Undo (Ctrl+Z)`,onClick:()=>ds(`undo`),children:(0,V.jsx)(X,{name:`undo`,size:14})}),(0,V.jsx)(`button`,{type:`button`,"aria-label":`Redo`,title:`Redo (Ctrl+Y)`,onClick:()=>ds(`redo`),children:(0,V.jsx)(X,{name:`redo`,size:14})}),n>0&&(0,V.jsxs)(`button`,{type:`button`,className:`error-count`,"aria-label":`${n} nodes with errors`,onClick:()=>F.setState({side:`errors`}),children:[(0,V.jsx)(X,{name:`warn`,size:14}),` `,n]})]})}Object.assign(globalThis,{burnish:{layer:()=>R(F.getState()),view:Jo}}),(0,oe.createRoot)(document.getElementById(`root`)).render((0,V.jsx)(Bu,{}));