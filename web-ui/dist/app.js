import{n as e}from"./rolldown-runtime.js";import{C as t,E as n,S as r,T as i,_ as a,a as o,b as s,c,d as l,f as u,g as d,h as f,i as p,l as m,m as h,n as g,o as _,p as v,r as y,s as b,t as ee,u as te,v as x,w as ne,x as re,y as ie}from"./vendor.js";var S=e(n(),1),ae=i();function oe(e){let t=Number(e);return Number.isSafeInteger(t)||!/^-?\d+$/.test(e)?t:BigInt(e)}function C(e){return/\d{16}/.test(e)?o(e,null,oe):JSON.parse(e)}function se(e,t){return p(e,null,t)??`null`}function w(e){return typeof e==`object`&&!!e&&!Array.isArray(e)}var ce=[`fixed`,`increment`,`decrement`,`randomize`,`increment-wrap`],le=e=>ce.includes(e),ue=class e{specs;constructor(e){this.specs=new Map(Array.from(e,e=>[e.class,e]))}static read(t){let n=[],r=[];for(let[e,i]of Object.entries(w(t)?t:{}))w(i)?n.push(fe(e,i)):r.push(e);return{catalog:new e(n),broken:r}}spec(e){return this.specs.get(e)}},T=(e,t=``)=>typeof e==`string`?e:t,de=e=>Array.isArray(e)?e:[];function fe(e,t){let n=he(w(t.input)?t.input:{},w(t.input_order)?t.input_order:{}),r=de(t.output_name),i=de(t.output_tooltips),a=de(t.output_is_list);return{class:e,title:T(t.display_name,e)||e,category:T(t.category),description:T(t.description),module:T(t.python_module),inputs:n,outputs:de(t.output).map((e,t)=>({type:Array.isArray(e)?`COMBO`:e===pe?`*`:T(e,`*`),name:T(r[t])||(Array.isArray(e)?`COMBO`:T(e)),isList:a[t]===!0,tooltip:T(i[t])})),output:t.output_node===!0,deprecated:t.deprecated===!0,experimental:t.experimental===!0,aliases:de(t.search_aliases).filter(e=>typeof e==`string`),changes:n.some(e=>e.dynamic!==null)}}var pe=`COMFY_MATCHTYPE_V3`,me=1e3;function he(e,t){return[`required`,`optional`].flatMap(n=>{let r=w(e[n])?e[n]:{},i=de(t[n]).filter(e=>typeof e==`string`&&e in r);return[...i,...Object.keys(r).filter(e=>!i.includes(e))].map(e=>_e(e,r[e],n===`required`))})}function ge(e,t){if(e===`COMFY_DYNAMICCOMBO_V3`)return{kind:`options`,options:de(t.options).flatMap(e=>w(e)&&typeof e.key==`string`?[{key:e.key,inputs:he(w(e.inputs)?e.inputs:{},{})}]:[])};if(e!==`COMFY_AUTOGROW_V3`||!w(t.template))return null;let{template:n}=t,[r]=he(w(n.input)?n.input:{},{});if(!r||r.dynamic)return null;let i=de(n.names).filter(e=>typeof e==`string`),a=Math.min(Number(n.max??100)||0,me),o=typeof n.prefix==`string`?Array.from({length:a},(e,t)=>`${String(n.prefix)}${t}`):[];return{kind:`grow`,names:i.length?i.slice(0,me):o,min:Math.min(Number(n.min??0)||0,me),each:{...r,widget:null}}}function _e(e,t,n){let[r,i]=Array.isArray(t)?t:[t??`*`],a=w(i)?i:{},o=ge(r,a),s=r===pe?w(a.template)&&T(a.template.allowed_types)||`*`:null;return{name:e,label:T(a.display_name)||e,type:Array.isArray(r)?`COMBO`:s??T(r,`*`),required:n,widget:a.forceInput===!0||o?.kind===`grow`?null:o?{kind:`combo`,options:o.options.map(e=>e.key),default:a.default,upload:null,folder:`input`,control:null,multiselect:!1}:be(e,r??`*`,a),tooltip:T(a.tooltip),advanced:a.advanced===!0,socketless:a.socketless===!0,dynamic:o}}function ve(e,t){return typeof e==`number`||typeof e==`bigint`?e:t}function ye(e,t){let n=t.control_after_generate;return le(n)?n:n===!0||typeof n==`string`||n===void 0&&(e===`seed`||e===`noise_seed`)?`randomize`:null}function be(e,t,n){let r=Array.isArray(t)?`COMBO`:T(n.widgetType)||t;switch(r){case`INT`:case`FLOAT`:{let t=r===`INT`,i=Number(ve(n.step,t?1:.1)),a=n.display===`slider`||n.display===`color`?n.display:`number`;return{kind:t?`int`:`float`,default:ve(n.default,0),min:ve(n.min,t?0:-1/0),max:ve(n.max,t?2048:1/0),step:i>0?i:1,round:typeof n.round==`number`?n.round:null,control:t?ye(e,n):n.control_after_generate?ye(``,n):null,display:a}}case`BOOLEAN`:return{kind:`boolean`,default:n.default===!0,on:T(n.label_on,`on`),off:T(n.label_off,`off`)};case`STRING`:case`MARKDOWN`:case`TEXTAREA`:return{kind:`string`,default:T(n.default),multiline:n.multiline===!0||r!==`STRING`,dynamic:n.dynamicPrompts===!0,placeholder:T(n.placeholder),markdown:r===`MARKDOWN`};case`COLOR`:return{kind:`color`,default:T(n.default,`#ffffff`)};case`COMBO`:{let e=Array.isArray(t)?t:de(n.options),r=T(n.image_folder,`input`);return{kind:`combo`,options:e,default:n.default,upload:n.image_upload===!0||n.animated_image_upload===!0?`image`:n.video_upload===!0?`video`:n.audio_upload===!0?`audio`:null,folder:r===`output`||r===`temp`?r:`input`,control:n.control_after_generate?ye(``,n):null,multiselect:n.multiselect===!0||w(n.multi_select)}}case`CURVE`:return{kind:`drawn`,what:`curve`,default:n.default??{points:[[0,0],[1,1]],interpolation:`monotone_cubic`}};case`BOUNDING_BOX`:return{kind:`drawn`,what:`box`,default:n.default??{x:0,y:0,width:512,height:512}};case`BOUNDING_BOXES`:case`COLORS`:return{kind:`drawn`,what:`json`,default:n.default??[]};default:return null}}var E={Active:0,Muted:2,Bypassed:4},xe=class extends Error{problems;constructor(e){super(e.join(`
`)),this.problems=e,this.name=`DocumentError`}},Se=(e,t=``)=>({id:e,name:t,nodes:new Map,links:new Map,reroutes:new Map,groups:[],inputs:[],outputs:[],rest:{}}),Ce=()=>({layers:new Map([[``,{...Se(``),rest:{id:crypto.randomUUID(),revision:0,config:{},extra:{}}}]]),version:.4});function D(e,t){let n=e.layers.get(t);if(!n)throw new xe([`there is no subgraph \`${t}\``]);return n}var O=e=>String(e.id),k=e=>e.inputs??[],A=e=>e.outputs??[];function j(e){return typeof e==`string`?e===``?`*`:e:Array.isArray(e)?`COMBO`:`*`}function we(e){return e===``||e===`*`}function M(e,t){if(e===t||we(e)||we(t))return!0;let n=e=>e.toLowerCase().split(`,`).map(e=>e.trim()),r=n(t);return n(e).some(e=>e===`*`||r.includes(e))||r.includes(`*`)}function Te(e,t){if(t.type!==``&&e.layers.has(t.type))return`subgraph`;switch(t.type){case`Reroute`:return`reroute`;case`PrimitiveNode`:return`primitive`;case`Note`:case`MarkdownNote`:return`note`;case`SetNode`:return`set`;case`GetNode`:return`get`;default:return/^workflow[>/]/.test(t.type)?`group`:`real`}}function Ee(e){return e.inputs.flatMap(e=>e.widget?[{input:e,widget:e.widget}]:[])}function De(e){return e.kind===`int`||e.kind===`float`||e.kind===`combo`?e.control:null}function Oe(e,t){return e.kind===`string`||e.kind===`color`||e.kind===`combo`&&e.options.includes(t)}function ke(e,t){let n=Ee(e),r=0;return n.map(({input:e,widget:i},a)=>{if(r>=t.length)return{input:e,widget:i,value:-1,control:-1};let o=r++,s=t[r];if(!le(s))return{input:e,widget:i,value:o,control:-1};let c=n[a+1],l=(i.kind===`int`||i.kind===`float`||i.kind===`combo`)&&c!==void 0&&!Oe(c.widget,s);if(!De(i)&&!l)return{input:e,widget:i,value:o,control:-1};let u=r++;return i.kind===`combo`&&typeof t[r]==`string`&&t.length-r>n.length-a-1&&r++,{input:e,widget:i,value:o,control:u}})}function Ae(e){return e.kind===`combo`?e.default??e.options[0]:e.default}var je=e=>Array.isArray(e.widgets_values)?e.widgets_values:[];function Me(e){return w(e.widgets_values)?e.widgets_values:w(e.widgets_values_named)?e.widgets_values_named:void 0}function Ne(e,t){let n=je(e),r=Me(e);return ke(t,n).map(e=>{let t=n[e.value]??r?.[e.input.name],i=n[e.control],a=De(e.widget);return{...e,current:t??Ae(e.widget),mode:le(i)?i:a&&(n.length?`fixed`:a)}})}function Pe(e,t,n){let r=[],i=null;for(let{input:a,widget:o}of Ee(e)){r.push(t(a,o)??Ae(o)??null);let e=De(o);e&&(r.push(n(a,e)),o.kind===`combo`&&r.push(``)),o.kind===`combo`&&(i??=o.upload)}return i&&r.push(i),r}var Fe=(e,t,n)=>e.map((e,r)=>r===t?n:e);function Ie(e,t,n,r,i=`value`){let a=e.widgets_values_named,o=a&&i===`value`?{...e,widgets_values_named:{...a,[n]:r}}:e;if(w(e.widgets_values)){let t=i===`value`?n:`control_after_generate`;return{...o,widgets_values:{...e.widgets_values,[t]:r}}}let s=je(e),c=ke(t,s).find(e=>e.input.name===n);if(c&&c[i]>=0)return{...o,widgets_values:Fe(s,c[i],r)};let l=new Map(Ne(e,t).map(e=>[e.input.name,e])),u=Pe(t,e=>l.get(e.name)?.current,(e,t)=>l.get(e.name)?.mode??t),d=ke(t,u).find(e=>e.input.name===n)?.[i]??-1;return{...o,widgets_values:d<0?u:Fe(u,d,r)}}function Le(e,t){let n=new Map,r=Me(e);if(!t){for(let[e,t]of Object.entries(r??{}))le(e)||e.startsWith(`control_`)||e===`upload`||t==null||n.set(e,t);return n}for(let{input:r,current:i}of Ne(e,t))i!=null&&n.set(r.name,i);for(let e of t.inputs){let t=e.widget?void 0:r?.[e.name];t!=null&&n.set(e.name,t)}return n}function Re(e){return e.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n\r\u2028\u2029]*/g,``)}function ze(e,t){let n=Re(e),r=[],i=new Map,a=new Map,o=[];for(let e=0;e<n.length;e++){let t=o.at(-1);n[e]===`\\`?e++:n[e]===`{`?(i.set(e,r.length),o.push(r.length),r.push({starts:[e+1],end:n.length})):t!==void 0&&(n[e]===`|`||n[e]===`}`)&&(a.set(e,t),n[e]===`|`?r[t].starts.push(e+1):(r[t].end=e+1,o.pop()))}let s=``,c=0,l=0;for(;l<n.length;){if(n[l]===`\\`){/[{|}]/.test(n[l+1]??``)&&(s+=n.slice(c,l),c=l+1),l=Math.min(l+2,n.length);continue}let e=r[(n[l]===`{`?i.get(l):a.get(l))??-1];if(!e){l++;continue}let o=n[l]===`{`?e.starts[Math.min(t(e.starts.length),e.starts.length-1)]??e.end:e.end;s+=n.slice(c,l),c=l=o}return s+n.slice(c)}function Be(e){let t=``,n=` `;for(let r of e)/[{|}]/.test(r)&&n!==`\\`?t+=`\\${r}`:/[/*]/.test(r)&&n===`/`?t+=`{${r}}`:t+=r,n=r;return t}function Ve(e,t,n){if(!e.changes)return e;let r=[...e.inputs],i=[];for(let a=0;a<r.length;a++){let o=r[a],{dynamic:s,name:c}=o;if(!s)continue;let l=(e,t,n)=>({...e,name:`${c}.${t}`,label:e.label===e.name?t:e.label,required:o.required&&n&&e.required});if(s.kind===`options`){let n=t({...e,inputs:r,changes:!1},o),i=typeof n==`string`?n:s.options[0]?.key,c=s.options.find(e=>e.key===i)?.inputs??[];r.splice(a+1,0,...c.map(e=>l(e,e.name,!0)))}else{let e=s.names.findLastIndex(e=>n(`${c}.${e}`)),t=Math.min(Math.max(e+2,s.min,1),s.names.length);r.splice(a,1,...s.names.slice(0,t).map((e,t)=>l(s.each,e,t<s.min))),i.push(c),a+=t-1}}return{...e,inputs:r,changes:!1,groups:i}}var He=new WeakMap;function Ue(e,t){let n=e.spec(t.type);if(!n?.changes)return n;let r=He.get(t);if(r?.spec===n)return r.live;let i=Array.isArray(t.widgets_values)?t.widgets_values:[],a=Me(t),o=new Set(k(t).flatMap(e=>e.link===null||e.link===void 0?[]:[e.name])),s=Ve(n,(e,{name:t})=>i[ke(e,i).find(e=>e.input.name===t)?.value??-1]??a?.[t],e=>o.has(e));return He.set(t,{spec:n,live:s}),s}function We(e,t){return[...e.groups??[],...e.inputs.flatMap(e=>e.dynamic?[e.name]:[])].some(e=>t.startsWith(`${e}.`))&&!e.inputs.some(e=>e.name===t)}var Ge=64,Ke=2e5,qe={kind:`nothing`},Je=e=>e.mode!==E.Muted&&e.mode!==E.Bypassed;function Ye(e,t,n=e=>Math.floor(Math.random()*e)){return new nt(e,t,n).prompt()}function Xe(e,t){let n=e.inputs[t]?.linkIds??[];return n.length?n.flatMap(t=>e.links.get(t)??[]).filter(e=>e.origin===`-10`):[...e.links.values()].filter(e=>e.origin===`-10`&&e.originSlot===t).sort((e,t)=>e.id-t.id)}function Ze(e,t,n,r,i=0){for(let a of Xe(n,r)){let r=n.nodes.get(a.target),o=r&&k(r)[a.targetSlot];if(!r||!o)continue;if(Te(e,r)===`subgraph`){let a=D(e,r.type),s=a.inputs.findIndex(e=>e.name===o.name);return(s>=0&&i<Ge?Ze(e,t,a,s,i+1):null)&&{node:r,input:o.name,layer:n}}let s=Ue(t,r);return o.widget!=null||s!==void 0&&Ee(s).some(e=>e.input.name===o.name)?{node:r,input:o.name,layer:n}:null}return null}function Qe(e){let t=e.properties?.proxyWidgets;return Array.isArray(t)?t.flatMap(e=>{let t=Array.isArray(e)?e:[];return typeof t[0]==`string`&&typeof t[1]==`string`&&!t[1].startsWith(`$$`)?[[t[0],t[1]]]:[]}):null}var $e=(e,t)=>`${e}\0${t}`,et=e=>Array.isArray(e.widgets_values)?e.widgets_values:[];function tt(e){let t=et(e),n=new Map;return(Qe(e)??[]).forEach(([e,r],i)=>{let a=t[i];a!=null&&n.set($e(e,r),a)}),n}var nt=class{doc;catalog;draw;sources=new Map;frames=new Map;promoted=new Map;kept=new Map;constructor(e,t,n){this.doc=e,this.catalog=t,this.draw=n}prompt(){let e=[],t=[];if(this.open({layer:D(this.doc,``),parent:null,prefix:``,proxied:new Map},e,t,0),t.length)throw new xe(t);let n={};for(let{frame:t,node:r}of e)n[t.prefix+O(r)]=this.node(t,r);return n}open(e,t,n,r){if(r>Ge)throw new xe([`subgraphs are nested more than ${Ge} deep`]);let i=e=>typeof e.order==`number`?e.order:1/0,a=[...e.layer.nodes.values()];e.parent||a.sort((e,t)=>i(e)===i(t)?0:i(e)-i(t));for(let i of a){if(!Je(i))continue;let a=Te(this.doc,i);if(a===`real`){if(t.push({frame:e,node:i})>Ke)throw new xe([`the subgraphs hold more than ${Ke} nodes`])}else if(a===`group`)n.push(`"${i.type}" is a group node of an older editor, which cannot run: turn it into a subgraph`);else if(a===`subgraph`){let a={layer:D(this.doc,i.type),parent:{frame:e,node:i},prefix:`${e.prefix}${O(i)}:`,proxied:tt(i)};this.frames.set(a.prefix,a),this.open(a,t,n,r+1)}}}node(e,t){let n=Ue(this.catalog,t),r=Le(t,n);if(n&&e.proxied.size)for(let{input:i}of Ee(n)){let n=e.proxied.get($e(O(t),i.name));n!==void 0&&r.set(i.name,n)}let i=new Set;for(let a of k(t)){if(a.link===null||a.link===void 0)continue;let t=n?.inputs.find(e=>e.name===a.name)?.type??j(a.type),o=this.follow(e,a.link,t);o.kind===`literal`&&r.set(a.name,o.value),o.kind===`output`&&(r.set(a.name,[o.id,o.slot]),i.add(a.name))}for(let{input:e,widget:t}of n?Ee(n):[]){let n=r.get(e.name);t.kind===`string`&&t.dynamic&&typeof n==`string`&&r.set(e.name,ze(n,this.draw))}let a={},o=t.title??n?.title;o!==void 0&&(a.title=o);for(let e of[`cnr_id`,`aux_id`,`ver`]){let n=t.properties?.[e];n!==void 0&&(a[e]=n)}let s=[...r].map(([e,t])=>[e,!i.has(e)&&(Array.isArray(t)||w(t)&&`__value__`in t)?{__value__:t}:t]);return{class_type:t.type,inputs:Object.fromEntries(s),...Object.keys(a).length?{_meta:a}:{}}}follow(e,t,n){let r=[],i={frame:e,link:t},a=qe;for(;;){let e=i.frame,t=i.link===null||i.link===void 0?void 0:e.layer.links.get(i.link);if(!t)break;let o;if(t.origin===`-10`&&e.parent)o=this.outside(e,t.originSlot);else{let i=e.layer.nodes.get(t.origin);if(!i)break;let s=`${e.prefix}${t.origin}\0${t.originSlot}\0${n}`,c=this.sources.get(s);if(c===`open`)throw new xe([`links go in a circle without passing a node that does anything, at ${i.title??i.type} ${t.origin}: remove one of them`]);if(c){a=c;break}this.sources.set(s,`open`),r.push(s),o=this.through(e,i,t.originSlot,n)}if(`kind`in o){a=o;break}i=o}for(let e of r)this.sources.set(e,a);return a}promotedOf(e){let t=this.promoted.get(e);return t||(t=e.inputs.map((t,n)=>Ze(this.doc,this.catalog,e,n)!==null),this.promoted.set(e,t)),t}outside(e,t){let n=e.layer.inputs[t];if(!n||!e.parent)return qe;let{node:r,frame:i}=e.parent,a=k(r).find(e=>e.name===n.name)?.link;if(a!=null)return{frame:i,link:a};let o=w(r.widgets_values)?r.widgets_values:r.widgets_values_named,s=i.proxied.get($e(O(r),n.name))??o?.[n.name]??e.proxied.get($e(`-1`,n.name))??this.byPosition(e.layer,r,t);return s==null?qe:{kind:`literal`,value:s}}byPosition(e,t,n){let r=this.promotedOf(e);if(r[n]&&!Qe(t))return et(t)[r.slice(0,n).filter(Boolean).length]}through(e,t,n,r){let i=Te(this.doc,t);if(i===`primitive`){let e=et(t)[0];return e===void 0?qe:{kind:`literal`,value:e}}if(t.mode===E.Muted||i===`note`)return qe;if(t.mode===E.Bypassed)return{frame:e,link:this.bypass(t,i,n,r)};if(i===`reroute`||i===`set`)return{frame:e,link:k(t)[0]?.link};if(i===`get`){let n=et(t)[0],r=typeof n==`string`?this.keptIn(e.layer).get(n):void 0;return{frame:e,link:r&&k(r)[0]?.link}}if(i===`subgraph`){let r=this.frames.get(`${e.prefix}${O(t)}:`);if(!r)return qe;let i=r.layer.outputs,a=A(t)[n]?.name,o=a===void 0||i[n]?.name===a,s=i.findIndex(e=>e.name===a),c=o||s<0?n:s,l=[...r.layer.links.values()].filter(e=>e.target===`-20`&&e.targetSlot===c);return{frame:r,link:l.length?Math.max(...l.map(e=>e.id)):null}}return{kind:`output`,id:e.prefix+O(t),slot:n}}keptIn(e){let t=this.kept.get(e);if(!t){t=new Map;for(let n of e.nodes.values()){let e=n.type===`SetNode`?et(n)[0]:void 0;typeof e==`string`&&t.set(e,n)}this.kept.set(e,t)}return t}bypass(e,t,n,r){let i=Ue(this.catalog,e),a=rt(this.doc,e,t,i);if(we(r))return(a[n]??a[0])?.link;let o=i?i.outputs[n]?.type:A(e)[n]&&j(A(e)[n]?.type),s=e=>M(e,o??`*`)&&M(e,r),c=a[n];return c&&s(c.type)?c.link:(a.find(e=>e.type===r)??a.find(e=>s(e.type)))?.link}};function rt(e,t,n,r){let i=k(t),a=new Map;for(let e of i)a.set(e.name,e);let o=n===`subgraph`?D(e,t.type).inputs.map(e=>({name:e.name,type:j(e.type)})):r?[...r.inputs.filter(e=>!e.widget),...r.inputs.filter(e=>e.widget)]:[],s=new Set(o.map(e=>e.name));return[...o.map(e=>({type:e.type,link:a.get(e.name)?.link})),...i.filter(e=>!s.has(e.name)).map(e=>({type:j(e.type),link:e.link}))]}var it=(e,t)=>t.advanced&&e.showAdvanced!==!0&&t.socket?.linked!==!0,at=(e,t)=>e.rows.filter(e=>it(t,e)).length,ot=(e,t)=>at(e,t)?{...e,rows:e.rows.filter(e=>!it(t,e))}:e,st=e=>e!=null,ct={kind:`string`,default:``,multiline:!0,dynamic:!1,placeholder:`Write a note`,markdown:!1};function N(e,t,n,r){let i=Te(e,n),a=i===`real`?Ue(r,n):void 0,o={kind:i,spec:a,missing:i===`real`&&!a},s=ut(e,n,i,a);switch(i){case`note`:return{...o,title:n.title??(n.type===`Note`?`Note`:`Markdown note`),inputs:[],outputs:[],rows:[dt(n)]};case`primitive`:return{...o,title:n.title??`Primitive`,inputs:[],outputs:s,rows:ft(e,t,n,r)};case`reroute`:return{...o,title:n.title??`Reroute`,inputs:lt(n,new Set),outputs:s,rows:[]};case`subgraph`:{let t=pt(e,n,r),i=new Set(t.map(e=>e.socket?.name).filter(e=>e!==void 0)),a=D(e,n.type),c=a.inputs.filter(e=>!i.has(e.name)).map(e=>{let t=k(n).find(t=>t.name===e.name)?.link;return{name:e.name,label:e.label??e.name,type:j(e.type),linked:st(t),required:!1,isList:!1,tooltip:``}});return{...o,title:n.title??a.name,inputs:c,outputs:s,rows:t}}case`set`:case`get`:case`group`:return{...o,title:n.title??n.type,inputs:lt(n,new Set),outputs:s,rows:[]};case`real`:{if(!a)return{...o,title:n.title??n.type,inputs:lt(n,new Set),outputs:s,rows:[]};let e=new Map(k(n).map(e=>[e.name,e])),t=t=>{let n=e.get(t.name);return{name:t.name,label:n?.label??t.label,type:t.type,linked:st(n?.link),required:t.required&&!t.widget,isList:!1,tooltip:t.tooltip}},r=Ne(n,a).map(({input:n,widget:r,current:i,mode:a})=>({key:n.name,label:e.get(n.name)?.label??n.label,widget:r,value:i,mode:a,socket:n.socketless?null:t(n),tooltip:n.tooltip,advanced:n.advanced})),i=new Set(a.inputs.map(e=>e.name)),c=k(n).filter(e=>!st(e.link)&&We(a,e.name));for(let e of c)i.add(e.name);let l=[...a.inputs.filter(e=>!e.widget).map(t),...lt(n,i)];return{...o,title:n.title??a.title,inputs:l,outputs:s,rows:r}}}}function lt(e,t){return k(e).filter(e=>!t.has(e.name)).map(e=>({name:e.name,label:e.label??e.name,type:j(e.type),linked:st(e.link),required:!1,isList:!1,tooltip:``}))}function ut(e,t,n,r){let i=A(t),a=e=>(i[e]?.links?.length??0)>0,o={required:!1,isList:!1,tooltip:``};if(n===`subgraph`)return D(e,t.type).outputs.map((e,t)=>({...o,name:e.name,label:e.label??e.name,type:j(e.type),linked:a(t)}));let s=r?.outputs.map((e,t)=>({...o,name:e.name,label:i[t]?.label??e.name,type:e.type,linked:a(t),isList:e.isList,tooltip:e.tooltip}))??[],c=i.slice(s.length).map((e,t)=>({...o,name:e.name,label:e.label??e.name,type:j(e.type),linked:a(s.length+t)}));return[...s,...c]}function dt(e){let t=e.widgets_values,n=Array.isArray(t)?t[0]:Object.values(Me(e)??{})[0];return{key:`text`,label:`Text`,widget:{...ct,markdown:e.type===`MarkdownNote`},value:n??``,mode:null,socket:null,tooltip:``,advanced:!1}}function ft(e,t,n,r){for(let i of A(n)[0]?.links??[]){let a=t.links.get(i),o=a&&t.nodes.get(a.target),s=o&&k(o)[a.targetSlot];if(!o||!s)continue;let c=N(e,t,o,r).rows.find(e=>e.key===s.name);if(!c)continue;let l=Array.isArray(n.widgets_values)?n.widgets_values:[],u=c.widget.kind===`int`||c.widget.kind===`float`||c.widget.kind===`combo`?`fixed`:null;return[{...c,key:`value`,value:l[0]??c.value,mode:le(l[1])?l[1]:u,socket:null,advanced:!1}]}return[]}function pt(e,t,n){let r=D(e,t.type),i=Array.isArray(t.widgets_values)?t.widgets_values:[],a=Qe(t),o=[],s=(t,i)=>{let a=r.nodes.get(t);return a&&N(e,r,a,n).rows.find(e=>e.key===i)},c=0;return r.inputs.forEach((l,u)=>{let d=Ze(e,n,r,u);if(!d)return;let f=c++,p=s(O(d.node),d.input);if(!p)return;let m=a?.findIndex(([e,t])=>e===`-1`?t===l.name:e===O(d.node)&&t===d.input)??-1,h=Me(t)?.[l.name]??(a?i[m]:i[f]),g=k(t).find(e=>e.name===l.name)?.link;o.push({...p,key:`in:${l.name}`,label:l.label??l.name,value:h??p.value,mode:null,advanced:!1,socket:{name:l.name,label:l.label??l.name,type:j(l.type),linked:st(g),required:!1,isList:!1,tooltip:p.tooltip}})}),a?.forEach(([e,t],n)=>{let r=e===`-1`?void 0:s(e,t),a=r?.socket?.linked??!1;r&&!a&&o.push({...r,key:`proxy:${n}`,value:i[n]??r.value,mode:null,socket:null,advanced:!1})}),o}var mt=(e,t,n)=>{let r=Array.from({length:Math.max(e.length,t+1)},(t,n)=>e[n]??null);return r[t]=n,r};function ht(e,t,n,r,i,a=`value`){let o=Te(e,t),s=Array.isArray(t.widgets_values)?t.widgets_values:[];if(o===`note`)return{...t,widgets_values:mt(s,0,i)};if(o===`primitive`)return{...t,widgets_values:mt(s,a===`value`?0:1,i)};if(o===`subgraph`){if(r.startsWith(`proxy:`))return{...t,widgets_values:mt(s,Number(r.slice(6)),i)};let a=r.slice(3),o=D(e,t.type),c=o.inputs.findIndex(e=>e.name===a),l=c<0?null:Ze(e,n,o,c);if(!l)return t;let u=t.widgets_values_named&&{widgets_values_named:{...t.widgets_values_named,[a]:i}},d=Qe(t);if(d){let e=d.findIndex(([e,t])=>e===`-1`?t===a:e===O(l.node)&&t===l.input);return e>=0?{...t,...u,widgets_values:mt(s,e,i)}:{...t,widgets_values_named:{...t.widgets_values_named,[a]:i}}}let f=o.inputs.slice(0,c).filter((t,r)=>Ze(e,n,o,r)).length;return{...t,...u,widgets_values:mt(s,f,i)}}let c=Ue(n,t);return c?a===`value`&&c.inputs.some(e=>e.name===r&&e.dynamic)?gt(t,c,n,r,i):Ie(t,c,r,i,a):t}function gt(e,t,n,r,i){let a=n.spec(e.type)??t,o=new Map(Ne(e,t).map(e=>[e.input.name,e])),s=new Map(k(e).map(e=>[e.name,e])),c=Ve(a,(e,{name:t})=>t===r?i:o.get(t)?.current,e=>st(s.get(e)?.link)),l=e=>e===r?i:o.get(e)?.current,u=(e,t)=>{let n=o.get(e.name);return n?.widget.kind===t.kind&&(t.kind!==`combo`||e.name===r||t.options.includes(n.current??null))?l(e.name):void 0},d=Pe(c,u,(e,t)=>o.get(e.name)?.mode??t),f=new Set(c.inputs.map(e=>e.name)),p=e=>e.startsWith(`${r}.`),m=k(e).filter(e=>!p(e.name)||f.has(e.name)||st(e.link)),h=c.inputs.filter(e=>p(e.name)&&!e.widget&&!s.has(e.name)).map(e=>({name:e.name,type:e.type,link:null})),g=e.widgets_values_named&&Object.fromEntries(Ee(c).map(({input:e,widget:t})=>[e.name,u(e,t)??Ae(t)??null]));return{...e,inputs:[...m,...h],widgets_values:d,...g?{widgets_values_named:g}:{}}}function _t(e,t,n,r=Math.random){if(n===`fixed`||t===void 0)return t;if(e.kind===`combo`){let i=e.options.findIndex(e=>e===t),a=e.options.length-1;return a<0?t:n===`randomize`?e.options[Math.floor(r()*(a+1))]:n===`increment-wrap`?e.options[i>=a?0:i+1]:e.options[Math.min(Math.max(i+(n===`increment`?1:-1),0),a)]}if(e.kind===`float`){let i=Math.max(Number(e.min),-1e6),a=Math.min(Number(e.max),1e6);return n===`randomize`?i+Math.round(r()*(a-i)/e.step)*e.step:Math.min(Math.max(Number(t)+(n===`decrement`?-e.step:e.step),i),a)}if(e.kind!==`int`)return t;let i=vt(e.min),a=vt(e.max);if(n===`randomize`)return yt(i+(BigInt(Math.floor(r()*2**32))<<32n|BigInt(Math.floor(r()*2**32)))%(a-i+1n));let o=vt(t)+(n===`decrement`?-1n:1n)*BigInt(Math.max(1,Math.round(e.step)));return yt(o<i?i:o>a?a:o)}function vt(e){if(typeof e==`bigint`)return e;let t=Math.round(Number(e));return Number.isFinite(t)?BigInt(t):0n}function yt(e){let t=Number(e);return Number.isSafeInteger(t)?t:e}var bt=6,xt=176,St=160,Ct=e=>e.widget.kind===`string`&&e.widget.multiline;function wt(e,t,n){let r=Math.max(Math.round(t.size[0]),e.kind===`reroute`?80:St);if(t.flags?.collapsed===!0)return{width:Math.min(r,240),height:30,collapsed:!0,inputs:e.inputs.map(()=>15),outputs:e.outputs.map(()=>15),rows:e.rows.map(()=>({y:0,height:30})),preview:null};let i=Math.max(e.inputs.length,e.outputs.length),a=36+i*20+(i&&e.rows.length?2:0),o=e.rows.filter(Ct).length,s=a+(e.rows.length-o)*24+o*68+bt,c=30+Math.round(t.size[1]),l=Math.max(0,c-s),u=n?Math.max(l,xt):0,d=o&&!n?Math.floor(l/o):0,f=a,p=e.rows.map(e=>{let t=Ct(e)?68+d:24;return f+=t,{y:f-t,height:t}}),m=Math.max(s+u,c),h=(e,t)=>36+t*20+10;return{width:r,height:m,collapsed:!1,inputs:e.inputs.map(h),outputs:e.outputs.map(h),rows:p,preview:n?{y:f+2,height:m-f-bt-2}:null}}function Tt(e){let t=e.rows.filter(Ct).length,n=e=>Math.max(0,...e.map(e=>e.label.length)),r=(n(e.inputs)+n(e.outputs))*7+56,i=e.rows.length?232:0,a=e.title.length*7.5+48,o=Math.ceil(Math.max(St,r,i,a,t?320:0)/8)*8;return[o,wt(e,{id:0,type:``,pos:[0,0],size:[o,0]},!1).height-30+t*48]}function P(e,t){return{...e,layers:new Map(e.layers).set(t.id,t)}}function Et(e,t,n){let r=D(e,t);return P(e,{...r,nodes:new Map(r.nodes).set(O(n),n)})}function F(e,t,n,r){let i=D(e,t),a=new Map(i.nodes);for(let e of n){let t=a.get(e);t&&a.set(e,r(t))}return P(e,{...i,nodes:a})}function Dt(e,t,n,r,i,a,o=`value`){let s=D(e,t).nodes.get(n);if(!s)return e;let c=ht(e,s,r,i,a,o),l=Et(e,t,c);if(k(c)===k(s))return l;let u=new Set(Ue(r,c)?.inputs.map(e=>e.name)),d=k(c).flatMap(e=>e.link!=null&&e.name.startsWith(`${i}.`)&&!u.has(e.name)?[e.link]:[]),f=Tt(ot(N(l,D(l,t),c,r),c)),p=Et(l,t,{...c,size:[Math.max(c.size[0],f[0]),Math.max(c.size[1],f[1])]});return P(p,Pt(D(p,t),d))}function Ot(e){let t=0;for(let n of e.layers.values()){t=Math.max(t,Number(n.rest.last_node_id)||0);for(let e of n.nodes.keys())t=Math.max(t,Number(e)||0)}return t+1}function kt(e){let t=Number(e.rest.last_link_id)||0;for(let n of e.links.keys())t=Math.max(t,n);return t+1}function At(e,t,n,r,i=Ce()){let a=e.spec(t),o=a&&Ve(a,(e,t)=>t.widget?Ae(t.widget):void 0,()=>!1),s=t===``?void 0:i.layers.get(t),c=(e,t)=>({name:e,type:t,links:null}),l=[],u=[],d=[];s?(l=s.inputs.map(e=>({name:e.name,type:e.type,link:null})),u=s.outputs.map(e=>c(e.name,j(e.type)))):o?(l=o.inputs.filter(e=>!e.widget).map(e=>({name:e.name,type:e.type,link:null})),u=o.outputs.map(e=>c(e.name,e.type)),d=Pe(o,(e,t)=>Ae(t),(e,t)=>t)):t===`Reroute`?(l=[{name:``,type:`*`,link:null}],u=[c(``,`*`)]):t===`PrimitiveNode`?u=[c(`connect to widget input`,`*`)]:(t===`Note`||t===`MarkdownNote`)&&(d=[``]);let f={id:r,type:t,pos:n,size:[240,80],flags:{},order:0,mode:E.Active,inputs:l,outputs:u,properties:{"Node name for S&R":t},widgets_values:d},p=t===`Reroute`?[88,26]:Tt(ot(N(i,{...D(i,``)},f,e),f));return{...f,size:p}}function jt(e,t,{origin:n,originSlot:r,target:i,input:a,type:o}){let s=D(e,t),c=s.nodes.get(i);if(!c||!s.nodes.has(n))return e;let l=k(c).findIndex(e=>e.name===a.name),u=l<0?void 0:k(c)[l]?.link;u!=null&&(s=Pt(s,[u]));let d=kt(s),f=new Map(s.nodes),p=f.get(i);if(l<0){l=k(p).length;let e={name:a.name,type:a.type,...a.widget?{widget:{name:a.name}}:{},link:null};p={...p,inputs:[...k(p),e]}}f.set(i,{...p,inputs:k(p).map((e,t)=>t===l?{...e,link:d}:e)}),f.set(n,Nt(f.get(n),r,d,o));let m={id:d,origin:n,originSlot:r,target:i,targetSlot:l,type:o};return Mt(P(e,{...s,nodes:f,links:new Map(s.links).set(d,m)}),t,m)}function Mt(e,t,n){let r=D(e,t),i=r.nodes.get(n.target),a=r.nodes.get(n.origin);if(i&&Te(e,i)===`reroute`&&!we(j(n.type)))return F(e,t,[n.target],e=>({...e,outputs:A(e).map(e=>({...e,type:n.type}))}));let o=i&&k(i)[n.targetSlot];return a&&o&&Te(e,a)===`primitive`&&we(j(A(a)[0]?.type))?F(e,t,[n.origin],e=>({...e,outputs:A(e).map((e,t)=>t?e:{...e,type:o.type,name:j(o.type),widget:{name:o.name}})})):e}function Nt(e,t,n,r){let i=[...A(e)];for(;i.length<=t;)i.push({name:r,type:r,links:null});return{...e,outputs:i.map((e,r)=>r===t?{...e,links:[...e.links??[],n]}:e)}}function Pt(e,t){let n=new Set(t);if(!n.size)return e;let r=new Map(e.links),i=new Map(e.nodes);for(let e of n){let t=r.get(e);if(!t)continue;r.delete(e);let n=i.get(t.target);n&&i.set(t.target,{...n,inputs:k(n).map(t=>t.link===e?{...t,link:null}:t)});let a=i.get(t.origin);if(a){let n=A(a).map(t=>t.links?.includes(e)?{...t,links:t.links.filter(t=>t!==e)}:t);i.set(t.origin,{...a,outputs:n})}}let a=e=>e.some(e=>e.linkIds.some(e=>n.has(e)))?e.map(e=>({...e,linkIds:e.linkIds.filter(e=>!n.has(e))})):e,o=new Map(e.reroutes);for(let t of e.reroutes.values()){let e=t.linkIds.filter(e=>!n.has(e));e.length===0?o.delete(t.id):e.length<t.linkIds.length&&o.set(t.id,{...t,linkIds:e})}return{...e,links:r,nodes:i,reroutes:o,inputs:a(e.inputs),outputs:a(e.outputs)}}function Ft(e,t,n){return P(e,Pt(D(e,t),n))}function It(e,t,n,r=!1){let i=new Set(n),a=e;if(r)for(let e of i)a=Lt(a,t,e);let o=D(a,t);o=Pt(o,[...o.links.values()].filter(e=>i.has(e.origin)||i.has(e.target)).map(e=>e.id));let s=new Map(o.nodes);for(let e of i)s.delete(e);return P(a,{...o,nodes:s})}function Lt(e,t,n){let r=D(e,t),i=r.nodes.get(n);if(!i)return e;let a=e;for(let[o,s]of A(i).entries()){let c=k(i).find(t=>t.link!=null&&(Te(e,i)===`reroute`||j(t.type)===j(s.type))),l=c?.link==null?void 0:r.links.get(c.link);if(l)for(let e of r.links.values()){if(e.origin!==n||e.originSlot!==o)continue;let i=r.nodes.get(e.target)?.inputs?.[e.targetSlot];if(!i)continue;let s={name:i.name,type:j(i.type),widget:i.widget!=null};a=jt(a,t,{origin:l.origin,originSlot:l.originSlot,target:e.target,input:s,type:j(l.type)})}}return a}function Rt(e,t,n){return F(e,t,n.keys(),e=>({...e,pos:n.get(O(e))??e.pos}))}function zt(e,t,n,r){let i=D(e,t),a=n.every(e=>i.nodes.get(e)?.mode===r);return F(e,t,n,e=>({...e,mode:a?E.Active:r}))}function Bt(e,t,n,r){let i=D(e,t),a=n.every(e=>i.nodes.get(e)?.flags?.[r]===!0);return F(e,t,n,e=>{let{[r]:t,...n}=e.flags??{};return{...e,flags:a?n:{...n,[r]:!0}}})}function Vt(e,t,n,r){return F(e,t,[n],e=>{let{title:t,...n}=e;return r.trim()?{...n,title:r.trim()}:n})}function Ht(e,t,n,r){return F(e,t,n,e=>{let{color:t,bgcolor:n,...i}=e;return r?{...i,color:r.title,bgcolor:r.body}:i})}function Ut(e,t,n,r=`Group`){let i=D(e,t),a=Math.max(0,...i.groups.map(e=>e.id))+1;return P(e,{...i,groups:[...i.groups,{id:a,title:r,bounding:n,color:`#3f789e`,rest:{font_size:24,flags:{}}}]})}function Wt(e,t,n,r){let i=D(e,t);return P(e,{...i,groups:i.groups.map(e=>e.id===n?{...e,...r}:e)})}function Gt(e,t,n){let r=D(e,t);return P(e,{...r,groups:r.groups.filter(e=>!n.includes(e.id))})}function Kt(e,[t,n,r,i]){return[...e.nodes.values()].filter(({pos:e,size:a})=>{let o=[e[0]+a[0]/2,e[1]+a[1]/2];return o[0]>=t&&o[0]<=t+r&&o[1]>=n&&o[1]<=n+i}).map(O)}function qt(e,t,n,r){let i=D(e,t),a=i.links.get(n);if(!a)return e;let o=Math.max(0,...i.reroutes.keys())+1,s=a.parentId===void 0?{}:{parentId:a.parentId},c=new Map(i.reroutes).set(o,{id:o,pos:r,...s,linkIds:[n]});return P(e,{...i,reroutes:c,links:new Map(i.links).set(n,{...a,parentId:o})})}function Jt(e,t,n,r){let i=D(e,t),a=i.reroutes.get(n);return a?P(e,{...i,reroutes:new Map(i.reroutes).set(n,{...a,pos:r})}):e}function Yt(e,t,n){let r=D(e,t),i=r.reroutes.get(n);if(!i)return e;let a=e=>{if(e.parentId!==n)return e;let{parentId:t,...r}=e;return i.parentId===void 0?r:{...r,parentId:i.parentId}},o=new Map([...r.reroutes].filter(([e])=>e!==n).map(([e,t])=>[e,a(t)]));return P(e,{...r,reroutes:o,links:new Map([...r.links].map(([e,t])=>[e,a(t)]))})}function Xt(e,t){let n=[];for(let r=t.parentId;r!==void 0&&!n.includes(r)&&e.reroutes.has(r);r=e.reroutes.get(r)?.parentId)n.unshift(r);return n}function Zt(e,t,n,r,i){let a=N(e,t,n,r),o=a.inputs.map(e=>({name:e.name,type:e.type,widget:!1,linked:e.linked})),s=a.rows.flatMap(({socket:e})=>e?[{name:e.name,type:e.type,widget:!0,linked:e.linked}]:[]),c=[...o,...s].filter(e=>M(e.type,i));return[...c.filter(e=>!e.linked),...c.filter(e=>e.linked)]}function Qt(e,t,n,r,i){let a=D(e,t),o=a.nodes.get(r);if(!o)return e;let s=k(o).findIndex(e=>e.name===i.name),c=k(o)[s]?.link;c!=null&&(a=Pt(a,[c]));let l=kt(a),u=a.inputs,d=n>=u.length;d&&(n=u.length,u=[...u,{id:crypto.randomUUID(),name:en(u,i.name||i.type.toLowerCase()),type:i.type,linkIds:[],rest:{}}]),u=u.map((e,t)=>t===n?{...e,linkIds:[...e.linkIds,l]}:e);let f=a.nodes.get(r),p=[...k(f)];s<0&&(s=p.length,p=[...p,{name:i.name,type:i.type,...i.widget?{widget:{name:i.name}}:{},link:null}]);let m=new Map(a.nodes).set(r,{...f,inputs:p.map((e,t)=>t===s?{...e,link:l}:e)}),h={id:l,origin:`-10`,originSlot:n,target:r,targetSlot:s,type:i.type},g=P(e,{...a,nodes:m,inputs:u,links:new Map(a.links).set(l,h)}),_=u[n];return d?rn(g,t,e=>({...e,inputs:[...k(e),{name:_.name,type:_.type,...i.widget?{widget:{name:_.name}}:{},link:null}]})):g}function $t(e,t,n,r,i,a,o){let s=D(e,t);if(!s.nodes.has(n))return e;s=Pt(s,[...s.links.values()].filter(e=>e.target===`-20`&&e.targetSlot===i).map(e=>e.id));let c=kt(s),l=s.outputs,u=i>=l.length;u&&(i=l.length,l=[...l,{id:crypto.randomUUID(),name:en(l,o||a.toLowerCase()),type:a,linkIds:[],rest:{}}]),l=l.map((e,t)=>t===i?{...e,linkIds:[c]}:e);let d=new Map(s.nodes).set(n,Nt(s.nodes.get(n),r,c,a)),f={id:c,origin:n,originSlot:r,target:`-20`,targetSlot:i,type:a},p=P(e,{...s,nodes:d,outputs:l,links:new Map(s.links).set(c,f)}),m=l[i];return u?rn(p,t,e=>({...e,outputs:[...A(e),{name:m.name,type:m.type,links:null}]})):p}function en(e,t){if(!e.some(e=>e.name===t))return t;for(let n=2;;n++)if(!e.some(e=>e.name===`${t}_${n}`))return`${t}_${n}`}function tn(e,t,n,r,i){let a=D(e,t);return P(e,{...a,[n]:a[n].map((e,t)=>t===r?{...e,label:i}:e)})}function nn(e,t,n,[r,i]){let a=D(e,t),o=a.rest[n],s=w(o)&&Array.isArray(o.bounding)?o.bounding:[0,0,120,60],c=n===`inputNode`?-10:-20;return P(e,{...a,rest:{...a.rest,[n]:{id:c,...w(o)?o:{},bounding:[r,i,s[2]??120,s[3]??60]}}})}function rn(e,t,n){let r=e;for(let i of e.layers.values()){let e=[...i.nodes.values()].filter(e=>e.type===t).map(O);e.length&&(r=F(r,i.id,e,n))}return r}function an(e,t){if(!e)return 0;let n=t.indexOf(e);if(n>=0)return 1e3-n-(t.length-e.length)*.5+(n===0||/[^a-z0-9]/.test(t[n-1])?200:0)+(t.length===e.length?500:0);let r=-1,i=0,a=0;for(let n of e){if(n===` `)continue;let e=t.indexOf(n,r+1);if(e<0)return null;a=e===r+1?a+1:0,i+=a*6+(e===0||/[^a-z0-9]/.test(t[e-1])?12:0)-Math.min(e-r-1,10),r=e}return i}function on(e,t,n){let r=e.trim().toLowerCase();if(!r)return[...t];let i=r.split(/\s+/),a=[];for(let e of t){let t=-1/0;n(e).forEach((e,n)=>{let a=e.toLowerCase(),o=an(r,a),s=i.map(e=>an(e,a)),c=o??(i.length>1&&s.every(e=>e!==null)?Math.min(...s)-20:null);c!==null&&(t=Math.max(t,c-n*40))}),t>-40&&a.push({item:e,points:t})}return a.sort((e,t)=>t.points-e.points).map(e=>e.item)}var sn=e=>({past:[],present:e,future:[],gesture:null});function cn(e,t,n=null){return t===e.present?e:n!==null&&n===e.gesture?{...e,present:t,future:[]}:{past:[...e.past.slice(-199),e.present],present:t,future:[],gesture:n}}var ln=e=>e.gesture===null?e:{...e,gesture:null};function un(e){let t=e.past.at(-1);return t?{past:e.past.slice(0,-1),present:t,future:[e.present,...e.future],gesture:null}:e}function dn(e){let[t,...n]=e.future;return t?{past:[...e.past,e.present],present:t,future:n,gesture:null}:e}var fn={nodes:[],groups:[],links:[],reroutes:[]};function pn(e=Ce(),t=`Untitled`,n=null){return{id:crypto.randomUUID(),name:t,file:n,history:sn(e),saved:n?e:null,path:[],view:null}}var mn=pn(),I=y()(()=>({catalog:new ue([]),ready:!1,tabs:[mn],active:mn.id,selection:fn,selectionVersion:0,add:null,panel:null,side:null,logs:!1,dialog:null,locked:!1,renaming:null})),L=e=>e.tabs.find(t=>t.id===e.active)??e.tabs[0],R=e=>L(e).history.present,hn=e=>e.path.at(-1)?.layer??``,gn=e=>e.path.map(e=>`${e.node}:`).join(``),z=e=>D(R(e),hn(L(e))),_n=e=>e.saved?e.saved!==e.history.present:e.history.past.length>0;function vn(e,t){I.setState(({tabs:n})=>({tabs:n.map(n=>n.id===e?t(n):n)}))}function yn(e){let t=D(e.history.present,``),n=[];for(let r of e.path){let i=e.history.present.layers.get(r.layer);if(t.nodes.get(r.node)?.type!==r.layer||!i)break;n.push(r),t=i}return n.length===e.path.length?e:{...e,path:n}}function B(e,t=null){let n=L(I.getState()),r=e(n.history.present,hn(n));r!==n.history.present&&vn(n.id,e=>yn({...e,history:cn(e.history,r,t)}))}var bn=()=>{let e=L(I.getState());e.history.gesture!==null&&vn(e.id,e=>({...e,history:ln(e.history)}))},xn=()=>vn(I.getState().active,e=>yn({...e,history:un(e.history)})),Sn=()=>vn(I.getState().active,e=>yn({...e,history:dn(e.history)}));function Cn(e){I.setState(({selectionVersion:t})=>({selection:{...fn,...e},selectionVersion:t+1}))}function wn(e){I.setState(({tabs:t,active:n})=>{let r=t.find(e=>e.id===n);return{tabs:r&&!r.file&&r.history.past.length===0&&D(r.history.present,``).nodes.size===0?t.map(t=>t.id===n?e:t):[...t,e],active:e.id,selection:fn,add:null}})}function Tn(e){e!==I.getState().active&&I.setState({active:e,selection:fn,add:null,renaming:null})}function En(e){I.setState(({tabs:t,active:n})=>{let r=t.findIndex(t=>t.id===e),i=t.filter(t=>t.id!==e);return i.length||i.push(pn()),{tabs:i,active:n===e?i[Math.min(r,i.length-1)].id:n,selection:fn}})}function Dn(e){vn(I.getState().active,t=>({...t,path:[...t.path,e],view:null})),I.setState({selection:fn,add:null})}function On(e){let t=L(I.getState());e>=t.path.length||(vn(t.id,t=>({...t,path:t.path.slice(0,e),view:null})),I.setState({selection:fn,add:null}))}function kn(e,t){let n=I.getState(),r=R(n),i=z(n);if(e===null||!t)return null;let a=t.indexOf(`:`),o=t.slice(0,a)===`in`?`input`:`output`,s=t.slice(a+1);if(e===`-10`||e===`-20`){let t=Number(s),n=(e===`-10`?i.inputs:i.outputs)[t];return{node:e,side:o,slot:t,name:n?.name??``,type:j(n?.type),widget:!1}}let c=i.nodes.get(e);if(!c)return null;let l=N(r,i,c,n.catalog);if(o===`output`){let t=Number(s),n=l.outputs[t];return n?{node:e,side:o,slot:t,name:n.name,type:n.type,widget:!1}:null}let u=l.inputs.find(e=>e.name===s);if(u)return{node:e,side:o,slot:-1,name:s,type:u.type,widget:!1};let d=l.rows.find(e=>e.socket?.name===s);return d?.socket?{node:e,side:o,slot:-1,name:s,type:d.socket.type,widget:!0}:null}function An(e,t,n=null){B((n,r)=>{if(e.node===`-10`&&t.node===`-20`)return n;let i={name:t.name,type:t.type,widget:t.widget};return e.node===`-10`?Qt(n,r,e.slot,t.node,i):t.node===`-20`?$t(n,r,e.node,e.slot,t.slot,e.type,e.name):jt(n,r,{origin:e.node,originSlot:e.slot,target:t.node,input:i,type:we(e.type)?t.type:e.type})},n)}var jn=e=>{if(e.source===e.target)return!1;let t=kn(e.source,e.sourceHandle),n=kn(e.target,e.targetHandle);return t!==null&&n!==null&&t.side===`output`&&n.side===`input`&&M(t.type,n.type)};function Mn(e,t,n=null){let r=I.getState(),i=R(r),a=z(r),o=a.nodes.get(t);if(!o)return;if(e.side===`output`){let[s]=Zt(i,a,o,r.catalog,e.type);s&&An(e,{node:t,side:`input`,slot:-1,name:s.name,type:s.type,widget:s.widget},n);return}let s=N(i,a,o,r.catalog),c=s.outputs.findIndex(t=>M(t.type,e.type));c>=0&&An({node:t,side:`output`,slot:c,name:s.outputs[c].name,type:s.outputs[c].type,widget:!1},e,n)}var Nn=new Set([`MODEL`,`CLIP`,`VAE`,`CONDITIONING`,`LATENT`,`IMAGE`,`MASK`,`INT`,`FLOAT`,`STRING`,`BOOLEAN`,`COMBO`,`CONTROL_NET`,`SIGMAS`,`SAMPLER`,`NOISE`,`GUIDER`,`CLIP_VISION`,`AUDIO`,`VIDEO`]);function Pn(e){let t=e.split(`,`)[0]??``;if(Nn.has(t))return`var(--t-${t})`;if(t===`*`||t===``)return`var(--t-any)`;let n=7;for(let e=0;e<t.length;e++)n=(n*31+t.charCodeAt(e))%360;return`hsl(${n} var(--t-sat) var(--t-light))`}var Fn=[{name:`Red`,title:`#322`,body:`#533`},{name:`Brown`,title:`#332922`,body:`#593930`},{name:`Green`,title:`#232`,body:`#353`},{name:`Blue`,title:`#223`,body:`#335`},{name:`Pale blue`,title:`#2a363b`,body:`#3f5159`},{name:`Cyan`,title:`#233`,body:`#355`},{name:`Purple`,title:`#323`,body:`#535`},{name:`Yellow`,title:`#432`,body:`#653`},{name:`Black`,title:`#222`,body:`#000`}],V=ne();function In(e,t){let n=(e,t)=>({type:e,title:t,category:`editor`,spec:null,texts:[t,e]}),r=[...t.values()].map(e=>({type:e.class,title:e.title,category:e.category,spec:e,texts:[e.title,e.class,...e.aliases,e.category]})),i=[...e.layers.values()].filter(e=>e.id!==``).map(e=>({type:e.id,title:e.name||`Subgraph`,category:`subgraphs of this workflow`,spec:null,texts:[e.name,`subgraph`]}));return[...r,...i,n(`Reroute`,`Reroute`),n(`PrimitiveNode`,`Primitive`),n(`MarkdownNote`,`Note`)]}function Ln(e,t){let n=I.getState(),r=R(n),i=hn(L(n)),a=In(r,e.specs).filter(e=>e.type!==i);return t?a.filter(({type:n,spec:i})=>{if(n===`Reroute`)return!0;if(n===`PrimitiveNode`)return t.side===`input`&&/INT|FLOAT|STRING|BOOLEAN|COMBO/.test(t.type);if(i&&!i.changes)return t.side===`output`?i.inputs.some(e=>M(t.type,e.type)):i.outputs.some(e=>M(e.type,t.type));let a=At(e,n,[0,0],0,r),o=N(r,D(r,``),a,e);return(t.side===`output`?o.inputs:o.outputs).some(e=>M(e.type,t.type))}):a}function Rn(){let e=I(e=>e.add);return e?(0,V.jsx)(Bn,{request:e},`${e.at}`):null}function zn(){I.setState({add:null}),document.querySelector(`.react-flow__pane`)?.focus()}function Bn({request:e}){let t=I(e=>e.catalog),[n,r]=(0,S.useState)(``),[i,a]=(0,S.useState)(0),o=(0,S.useRef)(null),s=(0,S.useMemo)(()=>Ln(t,e.link),[t,e]),c=(0,S.useMemo)(()=>on(n,s,e=>e.texts).slice(0,100),[n,s]);(0,S.useEffect)(()=>{o.current?.children[i]?.scrollIntoView({block:`nearest`})},[i]);let l=t=>{t&&(Hn(t.type,e),zn())},u=c[i],d={left:Math.max(8,Math.min(e.screen[0]-24,innerWidth-580)),top:Math.max(8,Math.min(e.screen[1]-24,innerHeight-400))};return(0,V.jsx)(`div`,{className:`veil`,onPointerDown:e=>e.target===e.currentTarget&&zn(),children:(0,V.jsxs)(`div`,{className:`add`,role:`dialog`,"aria-label":`Add a node`,style:d,children:[(0,V.jsxs)(`div`,{className:`add-search`,children:[e.link&&(0,V.jsx)(`span`,{className:`chip`,style:{color:Pn(e.link.type)},children:e.link.type}),(0,V.jsx)(`input`,{autoFocus:!0,type:`search`,role:`combobox`,"aria-expanded":!0,"aria-controls":`add-list`,"aria-activedescendant":`add-${i}`,"aria-label":`Search for a node`,placeholder:e.link?e.link.side===`output`?`Which node takes it?`:`Which node gives it?`:`Search for a node`,value:n,onChange:e=>{r(e.target.value),a(0)},onKeyDown:e=>{if(e.stopPropagation(),e.key===`ArrowDown`)a(e=>Math.min(e+1,c.length-1));else if(e.key===`ArrowUp`)a(e=>Math.max(e-1,0));else if(e.key===`Enter`)l(u);else if(e.key===`Escape`)zn();else return;e.preventDefault()}})]}),(0,V.jsxs)(`div`,{className:`add-body`,children:[(0,V.jsxs)(`div`,{className:`add-list`,role:`listbox`,id:`add-list`,"aria-label":`Nodes`,ref:o,children:[c.map((e,t)=>(0,V.jsxs)(`div`,{id:`add-${t}`,role:`option`,"aria-selected":t===i,"data-at":t===i||void 0,onPointerMove:()=>a(t),onClick:()=>l(e),children:[(0,V.jsx)(`span`,{children:e.title}),(0,V.jsx)(`small`,{children:e.category})]},e.type)),!c.length&&(0,V.jsx)(`p`,{className:`empty`,children:`No node is called so.`})]}),u&&(0,V.jsx)(Vn,{entry:u})]})]})})}function Vn({entry:e}){let{spec:t}=e;return(0,V.jsxs)(`aside`,{className:`add-about`,children:[(0,V.jsx)(`h3`,{children:e.title}),t&&(0,V.jsx)(`p`,{className:`muted`,children:t.class}),t?.description&&(0,V.jsx)(`p`,{children:t.description.split(`

`)[0]}),t&&(0,V.jsxs)(`div`,{className:`add-slots`,children:[(0,V.jsx)(`ul`,{children:t.inputs.filter(e=>!e.widget).map(e=>(0,V.jsxs)(`li`,{children:[(0,V.jsx)(`i`,{className:`dot`,style:{background:Pn(e.type)}}),e.label]},e.name))}),(0,V.jsx)(`ul`,{children:t.outputs.map((e,t)=>(0,V.jsxs)(`li`,{children:[e.name,(0,V.jsx)(`i`,{className:`dot`,style:{background:Pn(e.type)}})]},t))})]})]})}function Hn(e,t,n={}){let{catalog:r}=I.getState(),i=t.link&&kn(t.link.node,t.link.slot),a=``;B((o,s)=>{let c=At(r,e,t.at,Ot(o),o);for(let[e,t]of Object.entries(n))c=ht(o,c,r,e,t);a=O(c);let l=i?.side===`input`?[t.at[0]-c.size[0],t.at[1]]:t.at;return Et(o,s,{...c,pos:l})},`add:${t.at}`);let o=I.getState(),s=R(o),c=z(o),l=c.nodes.get(a);if(i&&l){if(i.side===`output`){let[e]=Zt(s,c,l,r,i.type);e&&An(i,{node:a,side:`input`,slot:-1,name:e.name,type:e.type,widget:e.widget},`add:${t.at}`)}else{let e=N(s,c,l,r).outputs,n=e.findIndex(e=>M(e.type,i.type));n>=0&&An({node:a,side:`output`,slot:n,name:e[n].name,type:e[n].type,widget:!1},i,`add:${t.at}`)}}Cn({nodes:[a]})}var Un={"euler a":`euler_ancestral`,"dpm2 a":`dpm_2_ancestral`,dpm2:`dpm_2`,"dpm++ 2s a":`dpmpp_2s_ancestral`,"dpm++ 2m":`dpmpp_2m`,"dpm++ sde":`dpmpp_sde`,"dpm++ 2m sde":`dpmpp_2m_sde`,"dpm++ 3m sde":`dpmpp_3m_sde`,"dpm fast":`dpm_fast`,"dpm adaptive":`dpm_adaptive`};function Wn(e){let t=e.trim().split(`
`),n=/^Steps: \d/.test(t.at(-1)??``)?t.pop():``,r=t.findIndex(e=>e.startsWith(`Negative prompt:`)),i=t.slice(0,r<0?void 0:r).join(`
`),a=r<0?``:t.slice(r).join(`
`).slice(16),o=new Map;for(let[,e,t,r]of n.matchAll(/([A-Za-z][\w /-]*):\s*(?:"((?:[^"\\]|\\.)*)"|([^,]*))(?:,|$)/g))o.set(e.trim().toLowerCase(),t??r.trim());return{positive:i.trim(),negative:a.trim(),settings:o}}function Gn(e,t){let{positive:n,negative:r,settings:i}=Wn(e),a=(e,t)=>{let n=Number.parseFloat(i.get(e)??``);return Number.isFinite(n)?n:t},[,o=`512`,s=`512`]=/^(\d+)x(\d+)$/.exec(i.get(`size`)??``)??[],c=(i.get(`sampler`)??`Euler`).toLowerCase(),l=/ karras$/.test(c),u=c.replace(/ (karras|exponential)$/,``),d=(i.get(`schedule type`)??(l?`karras`:`normal`)).toLowerCase().replace(`automatic`,`normal`).replaceAll(` `,`_`),f=i.get(`model`)??``,p=t.spec(`CheckpointLoaderSimple`)?.inputs.find(e=>e.name===`ckpt_name`)?.widget,m=(p?.kind===`combo`?p.options:[]).find(e=>typeof e==`string`&&e.replace(/^.*\//,``).replace(/\.\w+$/,``)===f)??`${f||`model`}.safetensors`,h=i.get(`seed`)??``,g=(e,t)=>({class_type:e,inputs:t});return{1:g(`CheckpointLoaderSimple`,{ckpt_name:m}),2:g(`CLIPTextEncode`,{clip:[`1`,1],text:n}),3:g(`CLIPTextEncode`,{clip:[`1`,1],text:r}),4:g(`EmptyLatentImage`,{width:Number(o),height:Number(s),batch_size:1}),5:g(`KSampler`,{model:[`1`,0],positive:[`2`,0],negative:[`3`,0],latent_image:[`4`,0],seed:/^\d+$/.test(h)?C(h):0,steps:a(`steps`,20),cfg:a(`cfg scale`,7),sampler_name:Un[u]??u.replaceAll(`++`,`pp`).replaceAll(` `,`_`),scheduler:d,denoise:1}),6:g(`VAEDecode`,{samples:[`5`,0],vae:[`1`,2]}),7:g(`SaveImage`,{images:[`6`,0],filename_prefix:`burnish`})}}var Kn={columns:64,rows:24};function qn(e,t,n,r){let i=D(e,t),a=[...i.nodes.keys()].filter(e=>!r||r.has(e));if(!a.length)return e;let o=new g.graphlib.Graph({multigraph:!1});o.setGraph({rankdir:`LR`,ranksep:Kn.columns,nodesep:Kn.rows,ranker:`network-simplex`}),o.setDefaultEdgeLabel(()=>({}));let s=new Set(a),c=new Map;for(let t of a){let r=i.nodes.get(t),{width:a,height:s}=wt(N(e,i,r,n),r,!1);c.set(t,[a,s]),o.setNode(t,{width:a,height:s})}for(let e of i.links.values())s.has(e.origin)&&s.has(e.target)&&e.origin!==e.target&&o.setEdge(e.origin,e.target);g.layout(o);let l=e=>{let{x:t,y:n}=o.node(e),[r,i]=c.get(e);return[Math.round((t-r/2)/8)*8,Math.round((n-i/2)/8)*8+30]},u=new Map(a.map(e=>[e,l(e)])),d=Jn(i,a,e=>i.nodes.get(e).pos),f=Jn(i,a,e=>u.get(e)),p=new Map(i.nodes);for(let[e,[t,n]]of u)p.set(e,{...p.get(e),pos:r?[t+d[0]-f[0],n+d[1]-f[1]]:[t,n]});return{...e,layers:new Map(e.layers).set(t,{...i,nodes:p})}}function Jn(e,t,n){return[Math.min(...t.map(e=>n(e)[0])),Math.min(...t.map(e=>n(e)[1]))]}function Yn(e,t,n,r,i){let a=D(e,t),o=r.flatMap(t=>{let r=a.nodes.get(t);if(!r)return[];let{width:i,height:o}=wt(N(e,a,r,n),r,!1);return[{id:t,x:r.pos[0],y:r.pos[1]-30,width:i,height:o}]});if(o.length<2)return e;let s=Math.min(...o.map(e=>e.x)),c=Math.max(...o.map(e=>e.x+e.width)),l=Math.min(...o.map(e=>e.y)),u=Math.max(...o.map(e=>e.y+e.height)),d=(e,t,n,r)=>{let i=[...o].sort((e,n)=>e[t]-n[t]),a=r-n-i.reduce((t,n)=>t+n[e],0),s=Math.max(a/(i.length-1),16),c=n;for(let n of i)n[t]=c,c+=n[e]+s};i===`columns`&&d(`width`,`x`,s,c),i===`rows`&&d(`height`,`y`,l,u);for(let e of o)i===`left`&&(e.x=s),i===`right`&&(e.x=c-e.width),i===`center`&&(e.x=(s+c-e.width)/2),i===`top`&&(e.y=l),i===`bottom`&&(e.y=u-e.height),i===`middle`&&(e.y=(l+u-e.height)/2);let f=new Map(a.nodes);for(let{id:e,x:t,y:n}of o)f.set(e,{...f.get(e),pos:[Math.round(t),Math.round(n)+30]});return{...e,layers:new Map(e.layers).set(t,{...a,nodes:f})}}var Xn=64;function Zn(e,t){if(!w(e))throw new xe([`A workflow is an object, and this file holds something else.`]);if(Array.isArray(e.nodes))return Qn(e);let n=w(e.prompt)&&!(`class_type`in e.prompt)?e.prompt:e;if(Object.values(n).some(e=>w(e)&&`class_type`in e))return ur(n,t);throw new xe(["This file holds neither a workflow (a list `nodes`) nor a prompt (nodes with a `class_type`)."])}function Qn(e){let t=[],n=new Map([[``,tr(e,``,t)]]),r=[{holder:e,depth:0}];for(let e=r.shift();e;e=r.shift()){let i=w(e.holder.definitions)?e.holder.definitions.subgraphs:void 0;if(e.depth>Xn)t.push(`subgraph definitions are nested more than ${Xn} deep`);else for(let a of Array.isArray(i)?i:[])w(a)?typeof a.id!=`string`||!a.id?t.push(`a subgraph definition has no id`):n.has(a.id)?t.push(`there are two subgraph definitions \`${a.id}\``):(n.set(a.id,tr(a,a.id,t)),r.push({holder:a,depth:e.depth+1})):t.push(`a subgraph definition is not an object`)}let i={layers:n,version:e.version===1?1:.4},a=$n(i);if(a&&t.push(`the subgraph "${a}" contains itself; take the inner copy out of the file`),t.length)throw new xe(t);return i}function $n(e){let t=new Map,n=(r,i)=>{let a=e.layers.get(r);if(!a||t.get(r)===`done`)return null;if(t.get(r)===`open`||i>Xn)return a.name||r;t.set(r,`open`);for(let e of a.nodes.values()){let t=e.type===``?null:n(e.type,i+1);if(t!==null)return t}return t.set(r,`done`),null};return n(``,0)}var er=new Set([`nodes`,`links`,`groups`,`reroutes`,`definitions`,`inputs`,`outputs`,`name`,`version`]);function tr(e,t,n){let r=t===``,i=r?``:` in the subgraph \`${t}\``,a=new Map;Array.isArray(e.nodes)||n.push(`\`nodes\`${i} should be a list`);for(let t of nr(e.nodes)){let e=or(t);typeof e==`string`?n.push(e+i):a.has(String(e.id))?n.push(`there are two nodes \`${e.id}\`${i}`):a.set(String(e.id),e)}let o=w(e.extra)?e.extra:{},s=new Map;for(let e of nr(o.linkExtensions))w(e)&&rr(e.id)&&rr(e.parentId)&&s.set(e.id,e.parentId);let c=new Map;for(let t of nr(e.links)){if(t===null)continue;let e=sr(t,s);e?c.set(e.id,e):n.push(`a link${i} cannot be understood: ${JSON.stringify(t,ir).slice(0,80)}`)}let l=new Map;for(let t of nr(e.reroutes??o.reroutes)){if(!w(t)||!rr(t.id))continue;let{id:e,pos:n,parentId:r,linkIds:i,...a}=t;l.set(t.id,{id:t.id,pos:ar(n,[0,0]),linkIds:nr(i).filter(rr),...rr(r)?{parentId:r}:{},rest:a})}let u=Object.fromEntries(Object.entries(e).filter(([e])=>!er.has(e)||r&&e===`name`));return{...Se(t),name:!r&&typeof e.name==`string`?e.name:``,nodes:a,links:c,reroutes:l,groups:nr(e.groups).flatMap((e,t)=>cr(e,t)),inputs:r?[]:nr(e.inputs).flatMap(lr),outputs:r?[]:nr(e.outputs).flatMap(lr),rest:u}}var nr=e=>Array.isArray(e)?e:[],rr=e=>typeof e==`number`&&Number.isFinite(e),ir=(e,t)=>typeof t==`bigint`?String(t):t;function ar(e,t){let n=Array.isArray(e)?e:w(e)?[e[0],e[1]]:[];return rr(n[0])&&rr(n[1])?[n[0],n[1]]:t}function or(e){if(!w(e))return`a node is not an object`;let t=typeof e.id==`number`||typeof e.id==`string`?e.id:null;if(t===null)return`a node has no id`;if(typeof e.type!=`string`)return`node \`${t}\` has no type`;let n=e=>Array.isArray(e)?e.filter(e=>w(e)):void 0,r=n(e.inputs)?.map(e=>({...e,name:typeof e.name==`string`?e.name:``})),i=n(e.outputs)?.map(e=>({...e,name:typeof e.name==`string`?e.name:``}));return{...e,id:t,type:e.type,pos:ar(e.pos,[0,0]),size:ar(e.size,[240,80]),...r?{inputs:r}:{},...i?{outputs:i}:{}}}function sr(e,t){let[n,r,i,a,o,s]=Array.isArray(e)?e:w(e)?[e.id,e.origin_id,e.origin_slot,e.target_id,e.target_slot,e.type]:[],c=[n,i,o].map(Number);if(!c.every(Number.isSafeInteger)||r===void 0||a===void 0||c[1]<0||c[2]<0)return null;let l=w(e)&&rr(e.parentId)?e.parentId:t.get(c[0]),u=new Set([`id`,`origin_id`,`origin_slot`,`target_id`,`target_slot`,`type`,`parentId`]),d=w(e)?Object.fromEntries(Object.entries(e).filter(([e])=>!u.has(e))):{};return{id:c[0],origin:String(r),originSlot:c[1],target:String(a),targetSlot:c[2],type:s??`*`,...l===void 0?{}:{parentId:l},...Object.keys(d).length?{rest:d}:{}}}function cr(e,t){if(!w(e))return[];let{id:n,title:r,bounding:i,color:a,...o}=e,s=nr(i).map(Number);return s.length<4||!s.every(Number.isFinite)?[]:[{id:rr(n)?n:t+1,title:typeof r==`string`?r:`Group`,bounding:[s[0],s[1],s[2],s[3]],...typeof a==`string`?{color:a}:{},...rr(n)?{}:{unnumbered:!0},rest:o}]}function lr(e){if(!w(e))return[];let{id:t,name:n,type:r,linkIds:i,label:a,...o}=e;return[{id:typeof t==`string`?t:crypto.randomUUID(),name:typeof n==`string`?n:``,type:r??`*`,linkIds:nr(i).filter(rr),...typeof a==`string`?{label:a}:{},rest:o}]}function ur(e,t){let n=[],r=Ce();for(let[i,a]of Object.entries(e)){if(!w(a)||typeof a.class_type!=`string`){n.push(`node \`${i}\` has no class_type`);continue}let e=w(a.inputs)?a.inputs:{},o=t.spec(a.class_type),s=o&&Ve(o,(t,n)=>e[n.name],t=>Array.isArray(e[t])),c=t=>{let n=e[t];return Array.isArray(n)?void 0:w(n)&&`__value__`in n?n.__value__:n},l=w(a._meta)&&typeof a._meta.title==`string`?a._meta.title:void 0,u=/^(0|[1-9]\d{0,14})$/.test(i)?Number(i):i,d=At(t,a.class_type,[0,0],u);if(s){let e=Pe(s,(e,t)=>{let n=c(e.name);return t.kind===`string`&&t.dynamic&&typeof n==`string`?Be(n):n},()=>`fixed`);d={...d,widgets_values:e}}else{let t=Object.fromEntries(Object.keys(e).flatMap(e=>c(e)===void 0?[]:[[e,c(e)]]));d={...d,widgets_values_named:t}}l&&l!==s?.title&&(d={...d,title:l}),r=Et(r,``,d)}if(n.length)throw new xe(n);for(let[n,i]of Object.entries(e)){let e=w(i)&&w(i.inputs)?i.inputs:{};for(let[a,o]of Object.entries(e)){let[s,c]=Array.isArray(o)&&o.length===2?o:[];if(typeof s!=`string`||!rr(c))continue;let l=D(r,``).nodes.get(s);if(!l)continue;let u=w(i)?i.class_type:void 0,d=t.spec(typeof u==`string`?u:``),f=(d&&Ve(d,(t,n)=>e[n.name],t=>Array.isArray(e[t])))?.inputs.find(e=>e.name===a),p=t.spec(l.type)?.outputs[c]?.type;r=jt(r,``,{origin:s,originSlot:c,target:n,input:{name:a,type:f?.type??`*`,widget:f?.widget!=null},type:p??f?.type??`*`})}}return qn(r,``,t)}function dr(e,t=e.version){let n=e.layers.get(``),r=[...e.layers.values()].filter(e=>e.id!==``).map(br),{links:i,reroutes:a,extra:o}=t===1?yr(n):vr(n),{state:s,last_node_id:c,last_link_id:l,extra:u,...d}=n.rest,f=t===1?{state:hr(n)}:{last_node_id:pr(n),last_link_id:mr(n)};return{...d,...f,nodes:[...n.nodes.values()],links:i,...a?{reroutes:a}:{},groups:n.groups.map(Sr),...r.length?{definitions:{subgraphs:r}}:{},...o?{extra:o}:{},version:t}}function fr(e){return/^(0|-?[1-9]\d{0,14})$/.test(e)?Number(e):e}function pr(e){let t=e.rest.last_node_id??e.rest.state?.lastNodeId;return Math.max(Number(t)||0,...[...e.nodes.keys()].map(e=>Number(e)||0))}function mr(e){let t=e.rest.last_link_id??e.rest.state?.lastLinkId;return Math.max(Number(t)||0,...e.links.keys())}function hr(e){let t=e.rest.state??{},n=(e,n)=>Math.max(Number(t[e])||0,...n);return{...t,lastNodeId:pr(e),lastLinkId:mr(e),lastGroupId:n(`lastGroupId`,e.groups.map(e=>e.id)),lastRerouteId:n(`lastRerouteId`,e.reroutes.keys())}}function gr(e){return{id:e.id,origin_id:fr(e.origin),origin_slot:e.originSlot,target_id:fr(e.target),target_slot:e.targetSlot,type:e.type,...e.parentId===void 0?{}:{parentId:e.parentId},...e.rest}}function _r({id:e,pos:t,parentId:n,linkIds:r,rest:i}){return{id:e,...n===void 0?{}:{parentId:n},pos:t,linkIds:r,...i}}function vr(e){let t=e.rest.extra,{reroutes:n,linkExtensions:r,...i}=t??{},a=[...e.reroutes.values()].map(_r),o=[...e.links.values()].flatMap(e=>e.parentId===void 0?[]:[{id:e.id,parentId:e.parentId}]),s={...i,...a.length||n?{reroutes:a}:{},...o.length||r?{linkExtensions:o}:{}};return{links:[...e.links.values()].map(e=>[e.id,fr(e.origin),e.originSlot,fr(e.target),e.targetSlot,e.type]),extra:t||Object.keys(s).length?s:void 0}}function yr(e){let{reroutes:t,linkExtensions:n,...r}=e.rest.extra??{},i=[...e.reroutes.values()].map(_r);return{links:[...e.links.values()].map(gr),reroutes:i,extra:e.rest.extra?r:void 0}}function br(e){let{extra:t,...n}=e.rest,{reroutes:r,linkExtensions:i,...a}=t??{},o=[...e.reroutes.values()].map(_r);return{...n,...n.state?{state:hr(e)}:{},version:1,name:e.name,inputs:e.inputs.map(e=>xr(e)),outputs:e.outputs.map(e=>xr(e)),nodes:[...e.nodes.values()],groups:e.groups.map(Sr),links:[...e.links.values()].map(gr),...o.length&&!r?{reroutes:o}:{},...t?{extra:r?{...a,reroutes:o}:a}:{}}}function xr({id:e,name:t,type:n,linkIds:r,label:i,rest:a}){return{id:e,name:t,type:n,linkIds:r,...i===void 0?{}:{label:i},...a}}function Sr({id:e,unnumbered:t,title:n,bounding:r,color:i,rest:a}){return{...t?{}:{id:e},title:n,bounding:r,...i===void 0?{}:{color:i},...a}}var Cr=`burnish/nodes`;function wr(e,t,n,r=[]){let i=D(e,t),a=new Set(n),o=new Map([...i.nodes].filter(([e])=>a.has(e))),s=[...i.links.values()],c=new Map(s.filter(e=>a.has(e.origin)&&a.has(e.target)).map(e=>[e.id,e])),l=s.filter(e=>!a.has(e.origin)&&a.has(e.target)&&i.nodes.has(e.origin)),u=new Map([[``,{...i,id:``,nodes:o,links:c,reroutes:new Map,groups:i.groups.filter(e=>r.includes(e.id)),inputs:[],outputs:[],rest:{}}]]),d=t=>{for(let n of t.nodes.values()){let t=n.type===``||u.has(n.type)?void 0:e.layers.get(n.type);t&&(u.set(n.type,t),d(t))}};return d(u.get(``)),{...dr({layers:u,version:.4}),mark:Cr,feeds:l.map(e=>[e.origin,e.originSlot,e.target,e.targetSlot,e.type])}}var Tr=e=>w(e)&&e.mark===Cr;function Er(e,t,n,r,i=!1){let{mark:a,feeds:o,...s}=n,c=Qn(s),l=D(c,``),u=new Map(e.layers);for(let[e,t]of c.layers)e!==``&&!u.has(e)&&u.set(e,t);let d=D(e,t),f=Ot({...e,layers:u}),p=new Map([...l.nodes.keys()].map(e=>[e,f++])),m=[...[...l.nodes.values()].map(e=>e.pos),...l.groups.map(e=>[e.bounding[0],e.bounding[1]])],h=r[0]-Math.min(...m.map(e=>e[0])),g=r[1]-Math.min(...m.map(e=>e[1])),_=Math.max(Number(d.rest.last_link_id)||0,0,...d.links.keys()),v=new Map(d.links),y=new Map;for(let e of l.links.values()){let t=p.get(e.origin),n=p.get(e.target);if(t===void 0||n===void 0)continue;let{parentId:r,...i}=e,a={...i,id:++_,origin:String(t),target:String(n)};y.set(e.id,a.id),v.set(a.id,a)}let b=new Map(d.nodes);for(let[e,t]of l.nodes){let n=p.get(e);b.set(String(n),{...t,id:n,pos:[Math.round(t.pos[0]+h),Math.round(t.pos[1]+g)],...t.inputs?{inputs:k(t).map(e=>({...e,link:e.link==null?null:y.get(e.link)??null}))}:{},...t.outputs?{outputs:A(t).map(e=>({...e,links:e.links?.flatMap(e=>y.get(e)??[])??null}))}:{}})}for(let e of i&&Array.isArray(o)?o:[]){let[t,n,r,i,a]=Array.isArray(e)?e:[],o=p.get(String(r)),s=b.get(String(t)),c=o===void 0?void 0:b.get(String(o));if(!s||!c||typeof n!=`number`||typeof i!=`number`||!k(c)[i])continue;let l=++_;v.set(l,{id:l,origin:O(s),originSlot:n,target:O(c),targetSlot:i,type:a??`*`}),b.set(O(c),{...c,inputs:k(c).map((e,t)=>t===i?{...e,link:l}:e)}),b.set(O(s),{...s,outputs:A(s).map((e,t)=>t===n?{...e,links:[...e.links??[],l]}:e)})}let ee=Math.max(0,...d.groups.map(e=>e.id)),te=l.groups.map(({unnumbered:e,...t})=>({...t,id:++ee,bounding:[t.bounding[0]+h,t.bounding[1]+g,t.bounding[2],t.bounding[3]]}));return{doc:P({...e,layers:u},{...d,nodes:b,links:v,groups:[...d.groups,...te]}),ids:[...p.values()].map(String)}}var Dr=64<<20,Or=new TextDecoder(`latin1`),kr=new TextDecoder(`utf-8`);async function Ar(e,t,n){return new DataView(await e.slice(t,t+Math.min(n,Dr)).arrayBuffer())}var jr=(e,t,n)=>new Uint8Array(e.buffer,e.byteOffset+t,Math.max(0,Math.min(n,e.byteLength-t))),Mr=(e,t)=>Or.decode(jr(e,t,4));function Nr(e,t,n){let r=t.toLowerCase();if(e.set(r,n),/comment|cmt|description/.test(r)&&n.startsWith(`{`))try{let t=C(n);for(let n of[`workflow`,`prompt`]){let r=w(t)?t[n]:void 0;r!=null&&!e.has(n)&&e.set(n,typeof r==`string`?r:JSON.stringify(r,(e,t)=>typeof t==`bigint`?Number(t):t))}}catch{}}function Pr(e,t,n){let r=[];for(let i=t;i+8<=n;){let t=e.getUint32(i),a=t===0?n-i:t;if(a<8||i+a>n)break;r.push({kind:Mr(e,i+4),from:i+8,to:i+a}),i+=a}return r}async function Fr(e){let t=new Map;for(let n=0;n+8<=e.size;){let r=await Ar(e,n,16);if(r.byteLength<8)break;let i=r.getUint32(0),a=i===1&&r.byteLength>=16,o=i===0?e.size-n:a?Number(r.getBigUint64(8)):i;if(o<8)break;if(Mr(r,4)===`moov`){let r=await Ar(e,n+(a?16:8),o-(a?16:8)),i=Pr(r,0,r.byteLength),s=i.filter(e=>e.kind===`udta`).flatMap(e=>Pr(r,e.from,e.to));for(let e of[...i,...s])e.kind===`meta`&&Ir(r,e,t)}n+=o}return t}function Ir(e,t,n){let r=Pr(e,t.from+4,t.to),i=r.some(e=>e.kind===`ilst`)?r:Pr(e,t.from,t.to),a=[],o=i.find(e=>e.kind===`keys`);if(o)for(let t of Pr(e,o.from+8,o.to))a.push(kr.decode(jr(e,t.from,t.to-t.from)));let s=i.find(e=>e.kind===`ilst`);for(let t of s?Pr(e,s.from,s.to):[]){let r=Pr(e,t.from,t.to).find(e=>e.kind===`data`);!r||r.to-r.from<8||Nr(n,a[e.getUint32(t.from-4)-1]??t.kind,kr.decode(jr(e,r.from+8,r.to-r.from-8)))}}function Lr(e,t,n){if(t>=e.byteLength)return null;let r=e.getUint8(t),i=Math.clz32(r)-23;if(i>8||t+i>e.byteLength)return null;let a=n?r:r&255>>i,o=a===255>>i;for(let n=1;n<i;n++){let r=e.getUint8(t+n);o&&=r===255,a=a*256+r}return{value:o&&!n?1/0:a,length:i}}var Rr=408125543,zr=307544935,Br=29555,Vr=26568,Hr=17827,Ur=17543;async function Wr(e){let t=new Map;for(let n=0;n<e.size;){let r=await Ar(e,n,16),i=Lr(r,0,!0),a=i&&Lr(r,i.length,!1);if(!i||!a)break;let o=n+i.length+a.length;if(i.value===Rr)n=o;else{if(i.value===zr&&a.value<Dr&&Gr(await Ar(e,o,a.value),t),!Number.isFinite(a.value))break;n=o+a.value}}return t}function Gr(e,t){let n=(r,i,a)=>{for(let o=r;o<i;){let r=Lr(e,o,!0),s=r&&Lr(e,o+r.length,!1);if(!r||!s)return;let c=o+r.length+s.length,l=Math.min(c+s.value,i);if(r.value===Br)n(c,l,null);else if(r.value===Vr&&!a){let e={name:``,text:``};n(c,l,e),e.name&&Nr(t,e.name,e.text)}else a&&r.value===Hr?a.name=kr.decode(jr(e,c,l-c)):a&&r.value===Ur&&(a.text=kr.decode(jr(e,c,l-c)).replace(/\0+$/,``));o=l}};n(0,e.byteLength,null)}function Kr(e,t,n){let r=t,i=()=>{let t=r+4<=e.byteLength?e.getUint32(r,!0):0;return r+=4,t},a=i();r+=a;let o=Math.min(i(),1e4);for(let t=0;t<o&&r+4<=e.byteLength;t++){let t=i(),a=kr.decode(jr(e,r,t)),o=a.indexOf(`=`);o>0&&Nr(n,a.slice(0,o),a.slice(o+1)),r+=t}}async function qr(e){let t=new Map;for(let n=4;n+4<=e.size;){let r=await Ar(e,n,4),i=r.getUint8(0),a=r.getUint32(0)&16777215;if((i&127)==4&&Kr(await Ar(e,n+4,a),0,t),i&128)break;n+=4+a}return t}async function Jr(e){let t=new Map,n=[],r=0,i=0;for(let t=0;t+27<=e.size&&r<2&&i<Dr;){let a=await Ar(e,t,282);if(Mr(a,0)!==`OggS`)break;let o=[...jr(a,27,a.getUint8(26))],s=t+27+o.length;for(let t of o)r===1&&n.push(new Uint8Array(await e.slice(s,s+t).arrayBuffer())),s+=t,t<255&&r++;i+=s-t,t=s}let a=new DataView(await new Blob(n).arrayBuffer()),o=Mr(a,0)===`Opus`?8:7;return a.byteLength>o&&Kr(a,o,t),t}async function Yr(e){let t=new Map,n=await Ar(e,0,Dr),r=e=>n.getUint8(e)<<21|n.getUint8(e+1)<<14|n.getUint8(e+2)<<7|n.getUint8(e+3),i=n.getUint8(3),a=Math.min(10+r(6),n.byteLength);for(let e=10;e+10<=a;){let o=i>=4?r(e+4):n.getUint32(e+4);if(o<=0||e+10+o>a)break;if(Mr(n,e)===`TXXX`){let r=n.getUint8(e+10),[i=``,...a]=(r===0?Or:r===3?kr:new TextDecoder(r===2?`utf-16be`:`utf-16`)).decode(jr(n,e+11,o-1)).split(`\0`);i&&Nr(t,i,a.join(`\0`).replace(/^\ufeff|\0+$/g,``))}e+=10+o}return t}async function Xr(e){let t=new Map,n=Number((await Ar(e,0,8)).getBigUint64(0,!0));if(n>Dr)return t;try{let r=C(await e.slice(8,8+n).text()),i=w(r)?r.__metadata__:void 0;for(let[e,n]of Object.entries(w(i)?i:{}))typeof n==`string`&&Nr(t,e,n)}catch{}return t}var Zr=new TextDecoder(`latin1`),Qr=new TextDecoder(`utf-8`);async function $r(e){let t=Zr.decode(await e.slice(0,16).arrayBuffer());if(t.slice(4,8)===`ftyp`)return Fr(e);if(t.startsWith(`Eß£`))return Wr(e);if(t.startsWith(`fLaC`))return qr(e);if(t.startsWith(`OggS`))return Jr(e);if(t.startsWith(`ID3`)&&t.length>10)return Yr(e);if(t.startsWith(`{"`,8))return Xr(e);let n=new Uint8Array(await e.arrayBuffer()),r=new DataView(n.buffer);return n.length>8&&r.getUint32(0)===2303741511?ti(n,r):n.length>12&&r.getUint32(0)===1380533830&&r.getUint32(8)===1464156752?ri(n,r):n.length>4&&r.getUint16(0)===65496?ii(n,r):new Map}async function ei(e){let t=new Blob([e]).stream().pipeThrough(new DecompressionStream(`deflate`));return new Uint8Array(await new Response(t).arrayBuffer())}async function ti(e,t){let n=new Map;for(let r=8;r+12<=e.length;){let i=t.getUint32(r),a=Zr.decode(e.subarray(r+4,r+8)),o=e.subarray(r+8,r+8+i);if(a===`IEND`||r+12+i>e.length)break;let s=o.indexOf(0);if(s>0&&a===`tEXt`)n.set(Zr.decode(o.subarray(0,s)),ni(o.subarray(s+1)));else if(s>0&&a===`zTXt`)n.set(Zr.decode(o.subarray(0,s)),ni(await ei(o.slice(s+2))));else if(s>0&&a===`iTXt`){let e=o.indexOf(0,s+3),t=o.indexOf(0,e+1),r=o.slice(t+1);e>0&&t>0&&n.set(Zr.decode(o.subarray(0,s)),Qr.decode(o[s+1]===1?await ei(r):r))}r+=12+i}return n}function ni(e){try{return new TextDecoder(`utf-8`,{fatal:!0}).decode(e)}catch{return Zr.decode(e)}}function ri(e,t){let n=new Map;for(let r=12;r+8<=e.length;){let i=Zr.decode(e.subarray(r,r+4)),a=t.getUint32(r+4,!0);i===`EXIF`&&ai(e.subarray(r+8,Math.min(r+8+a,e.length)),n),r+=8+a+a%2}return n}function ii(e,t){let n=new Map;for(let r=2;r+4<=e.length&&e[r]===255&&e[r+1]!==218;r+=2+t.getUint16(r+2))e[r+1]===225&&ai(e.subarray(r+4,Math.min(r+2+t.getUint16(r+2),e.length)),n);return n}function ai(e,t){let n=Zr.decode(e.subarray(0,6))===`Exif\0\0`?6:0;for(let r of oi(e.subarray(n))){let e=r.indexOf(`:`);e>0&&t.set(r.slice(0,e).toLowerCase(),r.slice(e+1))}}function oi(e){if(e.length<8)return[];let t=new DataView(e.buffer,e.byteOffset,e.length),n=t.getUint16(0)===18761,r=t.getUint32(4,n);if(r+2>e.length)return[];let i=[],a=t.getUint16(r,n);for(let o=0;o<a;o++){let a=r+2+o*12;if(a+12>e.length)break;let s=t.getUint32(a+4,n);if(t.getUint16(a+2,n)!==2||s<=4)continue;let c=t.getUint32(a+8,n);c+s<=e.length&&i.push(Qr.decode(e.subarray(c,c+s)).replace(/\0+$/,``))}return i}function si(e,t,n,r,i=`New subgraph`){let a=D(e,t),o=new Set(n.filter(e=>a.nodes.has(e)));if(!o.size)return null;let s=crypto.randomUUID(),c=[],l=[],u=new Map,d=new Map(a.links),f=new Map,p=new Map,m=[],h=[];for(let e of a.links.values()){let t=o.has(e.origin),n=o.has(e.target);if(t||n){if(t&&n)u.set(e.id,e),d.delete(e.id);else if(n){let t=`${e.origin}\0${e.originSlot}`,n=k(a.nodes.get(e.target))[e.targetSlot],r=f.get(t);r===void 0?(r=c.length,f.set(t,r),c.push({id:crypto.randomUUID(),name:en(c,n?.name||j(e.type).toLowerCase()),type:j(n?.type??e.type),linkIds:[],rest:{}}),m.push({slot:r,link:e})):d.delete(e.id),c[r]={...c[r],linkIds:[...c[r].linkIds,e.id]},u.set(e.id,{...e,origin:`-10`,originSlot:r})}else{let t=`${e.origin}\0${e.originSlot}`,n=A(a.nodes.get(e.origin))[e.originSlot],r=p.get(t);r===void 0&&(r=l.length,p.set(t,r),l.push({id:crypto.randomUUID(),name:en(l,n?.name||j(e.type)),type:j(n?.type??e.type),linkIds:[e.id],rest:{}}),u.set(e.id,{...e,target:`-20`,targetSlot:r})),h.push({slot:r,link:e})}}}let g=[...o].map(e=>a.nodes.get(e)),_=Math.min(...g.map(e=>e.pos[0])),v=Math.min(...g.map(e=>e.pos[1])),y=Math.max(...g.map(e=>e.pos[0]+e.size[0])),b=new Set(u.keys()),ee=g.map(e=>({...e,inputs:k(e).map(e=>e.link!=null&&!b.has(e.link)?{...e,link:null}:e),outputs:A(e).map(e=>({...e,links:e.links?.filter(e=>b.has(e))??null}))})),te={...Se(s,i),nodes:new Map(ee.map(e=>[O(e),e])),links:u,inputs:c,outputs:l,rest:{id:s,version:1,state:{},revision:0,config:{},inputNode:{id:-10,bounding:[_-200,v,120,40+c.length*20]},outputNode:{id:-20,bounding:[y+80,v,120,40+l.length*20]},widgets:[]}},x={...e,layers:new Map(e.layers).set(s,te)},ne=Ot(e),re=At(r,s,[(_+y)/2-120,v],ne,x);re={...re,inputs:c.map((e,t)=>({name:e.name,type:e.type,link:m.find(e=>e.slot===t)?.link.id??null})),outputs:l.map((e,t)=>({name:e.name,type:e.type,links:h.filter(e=>e.slot===t).map(e=>e.link.id)}))};for(let{slot:e,link:t}of m)d.set(t.id,{...t,target:String(ne),targetSlot:e});for(let{slot:e,link:t}of h)d.set(t.id,{...t,origin:String(ne),originSlot:e});let ie=new Map([...a.nodes].filter(([e])=>!o.has(e)));for(let[e,t]of ie)A(t).some(e=>e.links?.some(e=>!d.has(e)))&&ie.set(e,{...t,outputs:A(t).map(e=>({...e,links:e.links?.filter(e=>d.has(e))??null}))});return ie.set(String(ne),re),x=P(x,{...a,nodes:ie,links:d}),{doc:x,id:String(ne)}}function ci(e,t,n,r){let i=D(e,t),a=i.nodes.get(n),o=a&&e.layers.get(a.type);if(!a||!o)return null;let s=Ot(e),c=new Map([...o.nodes.keys()].map(e=>[e,s++])),l=[...o.nodes.values()],u=Math.min(...l.map(e=>e.pos[0]),1/0),d=Math.min(...l.map(e=>e.pos[1]),1/0),f=new Map(l.map(e=>[O(e),e]));for(let t of N(e,i,a,r).rows){let n=li(e,o,t.key,a),i=n&&f.get(n.node);i&&t.value!==void 0&&f.set(n.node,ht(e,i,r,n.row,t.value))}let p=new Map;for(let[e,t]of f){let n=c.get(e);p.set(String(n),{...t,id:n,pos:[t.pos[0]-u+a.pos[0],t.pos[1]-d+a.pos[1]],inputs:k(t).map(e=>({...e,link:null})),outputs:A(t).map(e=>({...e,links:null}))})}let m=new Map;k(a).forEach(e=>{let t=o.inputs.findIndex(t=>t.name===e.name),n=e.link==null?void 0:i.links.get(e.link);t>=0&&n&&m.set(t,n)});let h=[];for(let e of o.links.values()){if(e.target===`-20`)continue;let t=e.origin===`-10`?m.get(e.originSlot):{origin:String(c.get(e.origin)),originSlot:e.originSlot},n=c.get(e.target);t&&n!==void 0&&h.push({...t,target:String(n),targetSlot:e.targetSlot,type:e.type})}for(let e of i.links.values()){if(e.origin!==n||e.target===n)continue;let t=[...o.links.values()].find(t=>t.target===`-20`&&t.targetSlot===e.originSlot);if(!t)continue;let r=t.origin===`-10`?m.get(t.originSlot):{origin:String(c.get(t.origin)),originSlot:t.originSlot};r&&h.push({...r,target:e.target,targetSlot:e.targetSlot,type:e.type})}let g=new Set([...i.links.values()].filter(e=>e.origin===n||e.target===n).map(e=>e.id)),_=new Map;for(let[e,t]of i.nodes)e!==n&&_.set(e,{...t,inputs:k(t).map(e=>e.link!=null&&g.has(e.link)?{...e,link:null}:e),outputs:A(t).map(e=>e.links?.some(e=>g.has(e))?{...e,links:e.links.filter(e=>!g.has(e))}:e)});for(let[e,t]of p)_.set(e,t);let v=new Map([...i.links].filter(([e])=>!g.has(e))),y=Math.max(Number(i.rest.last_link_id)||0,0,...i.links.keys());for(let e of h){let t={id:++y,...e},n=_.get(e.origin),r=_.get(e.target);if(!n||!r)continue;v.set(t.id,t),_.set(e.target,{...r,inputs:k(r).map((n,r)=>r===e.targetSlot?{...n,link:t.id}:n)});let i=_.get(e.origin);_.set(e.origin,{...i,outputs:A(i).map((n,r)=>r===e.originSlot?{...n,links:[...n.links??[],t.id]}:n)})}let b=P(e,{...i,nodes:_,links:v});if(![...b.layers.values()].some(e=>[...e.nodes.values()].some(e=>e.type===a.type))){let e=new Map(b.layers);e.delete(a.type),b={...b,layers:e}}return{doc:b,ids:[...p.keys()]}}function li(e,t,n,r){if(n.startsWith(`proxy:`)){let e=(r.properties?.proxyWidgets)?.filter(e=>Array.isArray(e)&&!String(e[1]).startsWith(`$$`))?.[Number(n.slice(6))];return e?{node:String(e[0]),row:String(e[1])}:null}let i=t.inputs.findIndex(e=>e.name===n.slice(3)),a=[...t.links.values()].find(e=>e.origin===`-10`&&e.originSlot===i),o=a&&t.nodes.get(a.target),s=o&&k(o)[a.targetSlot];return!o||!s?null:{node:O(o),row:e.layers.has(o.type)?`in:${s.name}`:s.name}}function ui(e,t,n,r,i){let a=D(e,t),o=a[n][r];if(!o)return e;let[s,c]=n===`inputs`?[`origin`,`originSlot`]:[`target`,`targetSlot`],l=n===`inputs`?`-10`:`-20`,u=new Set([...a.links.values()].filter(e=>e[s]===l&&e[c]===r).map(e=>e.id)),d=new Map;for(let e of a.links.values())u.has(e.id)||d.set(e.id,e[s]===l&&e[c]>r?{...e,[c]:e[c]-1}:e);let f=new Map([...a.nodes].map(([e,t])=>[e,{...t,inputs:k(t).map(e=>e.link!=null&&u.has(e.link)?{...e,link:null}:e),outputs:A(t).map(e=>e.links?.some(e=>u.has(e))?{...e,links:e.links.filter(e=>!u.has(e))}:e)}])),p=P(e,{...a,nodes:f,links:d,[n]:a[n].filter((e,t)=>t!==r)}),m=n===`inputs`&&Ze(e,i,a,r)!==null,h=m?a.inputs.slice(0,r).filter((t,n)=>Ze(e,i,a,n)).length:-1;for(let i of e.layers.values())for(let e of i.nodes.values())e.type===t&&(p=F(di(p,i.id,O(e),n,o.name,r),i.id,[O(e)],e=>m?hi(e,o.name,h):e));return p}function di(e,t,n,r,i,a){let o=D(e,t),s=o.nodes.get(n),c=r===`inputs`?k(s).findIndex(e=>e.name===i):a;if(c<0)return e;let[l,u]=r===`inputs`?[`target`,`targetSlot`]:[`origin`,`originSlot`],d=new Map,f=new Set;for(let e of o.links.values())e[l]===n&&e[u]===c?f.add(e.id):d.set(e.id,e[l]===n&&e[u]>c?{...e,[u]:e[u]-1}:e);let p=new Map(o.nodes);for(let[e,t]of p)p.set(e,{...t,inputs:k(t).filter((t,i)=>e!==n||r!==`inputs`||i!==c).map(e=>e.link!=null&&f.has(e.link)?{...e,link:null}:e),outputs:A(t).filter((t,i)=>e!==n||r!==`outputs`||i!==c).map(e=>e.links?.some(e=>f.has(e))?{...e,links:e.links.filter(e=>!f.has(e))}:e)});return P(e,{...o,nodes:p,links:d})}function fi(e,t,n,r){let i=D(e,t).nodes.get(n);if(!i||!e.layers.has(i.type))return null;let{mark:a,feeds:o,...s}=wr({...e,layers:new Map(e.layers).set(i.type,{...D(e,i.type),name:r})},t,[n]),c=Array.isArray(s.nodes)?s.nodes:[];return{...s,nodes:c.map(({title:e,...t})=>t)}}function pi(e,t,n,r){let i=D(e,t),a=i.nodes.get(n);return!a||t===``?[]:N(e,i,a,r).rows.flatMap(e=>{let t=e.socket?.name;if(t===void 0)return[];let n=i.links.get(k(a).find(e=>e.name===t)?.link??-1);return n?n.origin===`-10`?[{row:e,slot:n.originSlot}]:[]:[{row:e,slot:null}]})}function mi(e,t,n,r){return r.socket?Qt(e,t,D(e,t).inputs.length,n,{name:r.socket.name,type:r.socket.type,widget:!0}):e}function hi(e,t,n){let{[t]:r,...i}=e.widgets_values_named??{},a=Array.isArray(e.widgets_values)?e.widgets_values:null,o=a&&n>=0&&!e.properties?.proxyWidgets?{widgets_values:a.filter((e,t)=>t!==n)}:{};return{...e,...o,...e.widgets_values_named?{widgets_values_named:i}:{}}}function gi(e,t){if(!w(e))return null;for(let n of t){let t=e[n]??e[n.replace(/-.*/,``)];if(w(t))return w(t.nodeDefs)?t.nodeDefs:null;if(/^en\b/.test(n))return null}return null}var _i=(e,t)=>w(e)&&typeof e[t]==`string`&&e[t]?e[t]:void 0;function vi(e,t,n){let r=gi(t,n);if(!r||!w(e))return e;let i=Object.entries(e).map(([e,t])=>{let n=r[e];if(!w(t)||!w(n))return[e,t];let i=w(n.inputs)?n.inputs:{},a=w(n.outputs)?n.outputs:{},o=e=>Object.fromEntries(Object.entries(w(e)?e:{}).map(([e,t])=>[e,yi(t,i[e])])),s=w(t.input)?t.input:{},c=Array.isArray(t.output_name)?t.output_name:[];return[e,{...t,display_name:_i(n,`display_name`)??t.display_name,description:_i(n,`description`)??t.description,input:{...s,required:o(s.required),optional:o(s.optional)},output_name:c.map((e,t)=>_i(a[String(t)],`name`)??e),search_aliases:[...Array.isArray(t.search_aliases)?t.search_aliases:[],t.display_name??e]}]});return Object.fromEntries(i)}function yi(e,t){if(!Array.isArray(e)||!w(t))return e;let[n,r]=e,i=w(r)?r:{};return[n??null,{...i,display_name:_i(t,`name`)??i.display_name,tooltip:_i(t,`tooltip`)??i.tooltip}]}var bi=class extends Error{status;body;constructor(e,t,n){super(e),this.status=t,this.body=n,this.name=`ServerError`}},xi=e=>new URL(e,document.baseURI).href;async function H(e,t,n){let r;try{r=await fetch(xi(t),{method:e,...n===void 0?{}:{body:n}})}catch{throw new bi(`The server cannot be reached.`,0,null)}if(r.ok)return r;let i=await r.text(),a=null;try{a=C(i)}catch{}let o=w(a)?a.error:void 0;throw new bi((w(o)?String(o.message??``):typeof o==`string`?o:i.slice(0,300))||`The server answered ${r.status} to ${e} ${t}.`,r.status,a)}async function U(e){return C(await(await H(`GET`,e)).text())}var Si=e=>Array.isArray(e)?e:[],Ci=()=>U(`api/object_info`);async function wi(e){let t=C(await(await H(`POST`,`api/prompt`,se(e))).text()),n=w(t)?t:{};return w(n.node_errors)?n.node_errors:{}}var Ti=e=>w(e)&&typeof e.filename==`string`?{filename:e.filename,subfolder:String(e.subfolder??``),type:String(e.type??`output`)}:null;async function Ei(e=100){let t=await U(`api/jobs?limit=${e}`),n=e=>typeof e==`number`?e:null;return Si(w(t)?t.jobs:void 0).flatMap(e=>{if(!w(e))return[];let t=Ti(e.preview_output),r=w(e.execution_error)?e.execution_error:null;return[{id:String(e.id),status:e.status,created:n(e.create_time)??0,started:n(e.execution_start_time),ended:n(e.execution_end_time),preview:t&&{...t,mediaType:w(e.preview_output)?String(e.preview_output.mediaType??`images`):`images`},outputs:n(e.outputs_count)??0,error:r?String(r.exception_message??r.message??`failed`).trim():null}]})}async function Di(e){let t=await U(`api/jobs/${encodeURIComponent(e)}`),n=w(t)?t:{},r=w(n.workflow)?n.workflow:{},i=w(r.extra_data)&&w(r.extra_data.extra_pnginfo)?r.extra_data.extra_pnginfo:{};return{outputs:w(n.outputs)?n.outputs:{},workflow:w(i.workflow)?i.workflow:null,prompt:w(r.prompt)?r.prompt:null}}var Oi=e=>H(`POST`,`api/jobs/${encodeURIComponent(e)}/cancel`),ki=()=>H(`POST`,`api/interrupt`,`{}`),Ai=()=>H(`POST`,`api/queue`,`{"clear":true}`),ji=e=>H(`POST`,`api/history`,se({delete:[e]})),Mi=()=>H(`POST`,`api/history`,`{"clear":true}`),Ni=()=>H(`POST`,`api/free`,`{"unload_models":true,"free_memory":true}`),Pi=async()=>{let e=await U(`internal/logs/raw`);return Si(w(e)?e.entries:void 0).map(e=>w(e)?String(e.m??``):String(e))},Fi=async()=>Si(await U(`api/models`)).map(String),Ii=async e=>Si(await U(`api/models/${encodeURIComponent(e)}`)).map(String),Li=async()=>Si(await U(`internal/files/output`)).filter(e=>typeof e==`string`);function W(e,t){let n=new URLSearchParams({filename:e.filename,subfolder:e.subfolder,type:e.type});return t!==void 0&&n.set(`rand`,String(t)),xi(`api/view?${n}`)}async function Ri(e){let t=new FormData;t.append(`image`,e,e.name||`pasted.png`),t.append(`type`,`input`);let n=C(await(await H(`POST`,`api/upload/image`,t)).text()),r=Ti(w(n)?{...n,filename:n.name}:null);if(!r)throw new bi(`The server did not say what it called the file.`,200,n);return r.subfolder?`${r.subfolder}/${r.filename}`:r.filename}async function zi(e,t){let n=new FormData;n.append(`image`,e,`clipspace-mask-${Date.now()}.png`),n.append(`type`,`input`),n.append(`subfolder`,`clipspace`),n.append(`original_ref`,JSON.stringify(t));let r=C(await(await H(`POST`,`api/upload/mask`,n)).text()),i=Ti(w(r)?{...r,filename:r.name}:null);if(!i)throw new bi(`The server did not say what it called the file.`,200,r);return`${i.subfolder?`${i.subfolder}/`:``}${i.filename} [${i.type}]`}var Bi=`workflows`,Vi=e=>`api/userdata/${encodeURIComponent(`${Bi}/${e}`)}`;async function Hi(){let e;try{e=await U(`api/userdata?dir=${Bi}&recurse=true&split=false&full_info=true`)}catch(e){if(e instanceof bi&&e.status===404)return[];throw e}return Si(e).flatMap(e=>w(e)?[{name:String(e.path),modified:Number(e.modified)||0}]:[]).filter(e=>e.name.endsWith(`.json`)).sort((e,t)=>t.modified-e.modified)}var Ui=e=>U(Vi(e)),Wi=e=>H(`DELETE`,Vi(e)),Gi=(e,t)=>H(`POST`,`${Vi(e)}/move/${encodeURIComponent(`${Bi}/${t}`)}?overwrite=false`);async function Ki(e,t,n){try{return await H(`POST`,`${Vi(e)}?overwrite=${n}&full_info=true`,se(t,2)),!0}catch(e){if(e instanceof bi&&e.status===409)return!1;throw e}}var qi=`subgraphs`,Ji=e=>`api/userdata/${encodeURIComponent(`${qi}/${e}.json`)}`;async function Yi(){let[e,t]=await Promise.all([U(`api/userdata?dir=${qi}&recurse=true&split=false`).catch(e=>{if(e instanceof bi&&e.status===404)return[];throw e}),U(`api/global_subgraphs`)]),n=Si(e).flatMap(e=>typeof e==`string`&&e.endsWith(`.json`)?[{id:e,name:e.slice(0,-5),own:!0}]:[]),r=Object.entries(w(t)?t:{}).flatMap(([e,t])=>w(t)?[{id:e,name:String(t.name??e),own:!1}]:[]);return[...n,...r].sort((e,t)=>e.name.localeCompare(t.name))}async function Xi({id:e,name:t,own:n}){if(n){let e=await U(Ji(t));return w(e)?e:{}}let r=await U(`api/global_subgraphs/${encodeURIComponent(e)}`),i=w(r)?r.data:void 0,a=typeof i==`string`?C(i):i;return w(a)?a:{}}async function Zi(e,t,n){try{return await H(`POST`,`${Ji(e)}?overwrite=${n}`,se(t,2)),!0}catch(e){if(e instanceof bi&&e.status===409)return!1;throw e}}var Qi=e=>H(`DELETE`,Ji(e)),$i=()=>U(`api/i18n`),ea=y()(()=>({notices:[],question:null})),ta=1;function G(e,t=`info`){let n={id:ta++,kind:t,text:e};ea.setState(({notices:e})=>({notices:[...e.slice(-3),n]})),setTimeout(()=>na(n.id),t===`error`?1e4:4e3)}var na=e=>ea.setState(({notices:t})=>({notices:t.filter(t=>t.id!==e)})),K=e=>G(e instanceof Error?e.message:String(e),`error`),ra=(e,t,n=`OK`)=>new Promise(r=>ea.setState({question:{title:e,value:t,yes:n,answer:r}})),ia=(e,t,n,r=!1)=>new Promise(i=>ea.setState({question:{title:e,text:t,yes:n,danger:r,answer:e=>i(e!==null)}})),aa={supports_preview_metadata:!0,supports_progress_text_metadata:!0};function oa(e,t){let n=null,r=!1,i=0,a,o=()=>{t.connection(i===0?`connecting`:`lost`);let s=new URL(xi(`ws`));s.protocol=s.protocol.replace(`http`,`ws`),s.searchParams.set(`clientId`,e);let c=new WebSocket(s);n=c,c.binaryType=`arraybuffer`,c.onopen=()=>{i=0,c.send(JSON.stringify({type:`feature_flags`,data:aa})),t.connection(`open`)},c.onmessage=({data:e})=>typeof e==`string`?sa(e,t):ca(e,t),c.onclose=()=>{r||(t.connection(`lost`),a=setTimeout(o,Math.min(250*2**i++,3e3)))}};return o(),()=>{r=!0,clearTimeout(a),n?.close()}}function sa(e,t){let n;try{n=C(e)}catch{console.error(`the server sent a message that is no JSON`,e.slice(0,200));return}w(n)&&typeof n.type==`string`&&t.message(n.type,w(n.data)?n.data:{})}function ca(e,t){if(e.byteLength<8)return;let n=new DataView(e),r=n.getUint32(0);if(r===1){let r=n.getUint32(4)===2?`image/png`:`image/jpeg`;t.preview(``,``,new Blob([e.slice(8)],{type:r}))}else if(r===4){let r=n.getUint32(4),i=C(new TextDecoder().decode(e.slice(8,8+r)));if(!w(i))return;let a=String(i.image_type??`image/jpeg`);t.preview(String(i.display_node_id??i.node_id),String(i.prompt_id),new Blob([e.slice(8+r)],{type:a}))}else if(r===3){let r=new Uint8Array(e),i=(e,t)=>new TextDecoder().decode(r.subarray(e,t)),a=8+n.getUint32(4);if(a+4>r.length)return;let o=n.getUint32(a);t.message(`progress_text`,{prompt_id:i(8,a),node:i(a+4,a+4+o),text:i(a+4+o)})}}var la={state:`waiting`,progress:null,preview:null,images:[],media:[],text:null,errors:[]},q=y()(()=>({connection:`connecting`,remaining:0,jobs:[],senders:{},current:null,runs:{},refusals:{}}));function ua(){let e=sessionStorage.getItem(`burnish.client`)??crypto.randomUUID();return sessionStorage.setItem(`burnish.client`,e),e}var da=ua(),fa=new Map;function pa(e,t,n){q.setState(({runs:r})=>({runs:{...r,[e]:{...r[e],[t]:n(r[e]?.[t]??la)}}}))}function ma(e){q.setState(({runs:t,refusals:n})=>{let r=Object.entries(t[e]??{}).map(([e,t])=>[e,t.errors.length||t.state===`failed`?{...t,state:`waiting`,errors:[]}:t]),{[e]:i,...a}=n;return{runs:{...t,[e]:Object.fromEntries(r)},refusals:a}})}var J=e=>typeof e==`string`?e:e==null?``:String(e),ha=e=>Array.isArray(e)?e:[];function ga(e){return Object.fromEntries(Object.entries(e).map(([e,t])=>[e,ha(w(t)?t.errors:void 0).flatMap(e=>{if(!w(e))return[];let t=w(e.extra_info)?e.extra_info:{};return[{message:J(e.message),details:J(e.details),input:typeof t.input_name==`string`?t.input_name:null,trace:``}]})]))}function _a(e,t,n){for(let[n,r]of Object.entries(t))pa(e,n,e=>({...e,state:`failed`,errors:r}));n&&q.setState(({refusals:t})=>({refusals:{...t,[e]:n}}))}function va(e){let t=e=>ha(e).flatMap(e=>w(e)&&typeof e.filename==`string`?[{filename:e.filename,subfolder:J(e.subfolder),type:J(e.type)||`output`}]:[]),n=e=>/\.(mp4|webm|mov|m4v|mkv)$/i.test(e.filename),r=[...t(e.images),...t(e.gifs),...t(e.video)],i=ha(e.text).map(J);return{images:r.filter(e=>!n(e)),media:[...r.filter(n).map(e=>({kind:`video`,file:e})),...t(e.audio).map(e=>({kind:`audio`,file:e}))],text:i.length?i.join(`
`):null}}function ya(e,t,n){fa.set(t,n),q.setState(({senders:n})=>({senders:{...n,[t]:e}}))}var ba=null,xa=!1;function Sa(){return ba?(xa=!0,ba):(ba=Ei().then(e=>q.setState({jobs:e})).catch(e=>{q.getState().connection===`open`&&K(e)}).finally(()=>{ba=null,xa&&(xa=!1,Sa())}),ba)}function Ca(e){return q.getState().senders[e]}var wa=new Set,Ta=e=>void wa.add(e);function Ea(e,t){let n=Ca(e);n&&q.setState(({runs:e})=>{let t=Object.entries(e[n]??{}).map(([e,t])=>(t.preview&&URL.revokeObjectURL(t.preview),[e,{...t,preview:null,progress:null,state:t.state===`running`?`waiting`:t.state}]));return{runs:{...e,[n]:Object.fromEntries(t)}}}),q.setState(({current:t})=>({current:t?.job===e?null:t})),fa.delete(e);for(let n of wa)n(e,t);Sa()}var Da={status:e=>{let t=w(e.status)&&w(e.status.exec_info)?e.status.exec_info:{};q.setState({remaining:Number(t.queue_remaining)||0}),Sa()},execution_start:({prompt_id:e})=>{let t=J(e);q.setState({current:{job:t,node:null,done:0,total:fa.get(t)??0}});let n=Ca(t);n&&q.setState(({runs:e})=>({runs:{...e,[n]:Object.fromEntries(Object.entries(e[n]??{}).map(([e,t])=>[e,{...t,state:`waiting`,progress:null}]))}})),Sa()},execution_cached:({prompt_id:e,nodes:t})=>{let n=Ca(J(e));if(q.setState(({current:e})=>({current:e&&{...e,done:e.done+ha(t).length}})),n)for(let e of ha(t))pa(n,J(e),e=>({...e,state:`done`,errors:[]}))},executing:({prompt_id:e,node:t,display_node:n})=>{let r=q.getState().current,i=J(e)||r?.job||``;if(t==null){r?.job===i&&q.setState({current:null}),Sa();return}let a=J(n??t);q.setState(({current:e})=>({current:{job:i,node:a,done:e?.job===i?e.done:0,total:e?.job===i?e.total:fa.get(i)??0}}));let o=Ca(i);o&&pa(o,a,e=>({...e,state:`running`,progress:null,errors:[]}))},progress_state:({prompt_id:e,nodes:t})=>{let n=Ca(J(e));if(!w(t))return;let r=0,i={},a=n?q.getState().runs[n]??{}:{};for(let e of Object.values(t)){if(!w(e))continue;let t=J(e.display_node_id??e.node_id),n=e.state===`finished`;n&&r++;let o=Number(e.max)||0,s=a[t]??la,c=n?`done`:e.state===`error`?`failed`:`running`,l=n||o<=1?null:(Number(e.value)||0)/o;(s.state!==c||s.progress!==l)&&(i[t]={...s,state:c,progress:l})}n&&Object.keys(i).length&&q.setState(({runs:e})=>({runs:{...e,[n]:{...e[n],...i}}})),q.setState(({current:e})=>({current:e&&{...e,done:Math.max(r,e.done)}}))},progress:({prompt_id:e,node:t,value:n,max:r})=>{let i=Ca(J(e)),a=Number(r)||0;i&&a>1&&pa(i,J(t),e=>({...e,state:`running`,progress:(Number(n)||0)/a}))},progress_text:({prompt_id:e,node:t,text:n})=>{let r=Ca(J(e));r&&pa(r,J(t),e=>({...e,text:J(n)}))},executed:({prompt_id:e,node:t,display_node:n,output:r})=>{let i=Ca(J(e));i&&pa(i,J(n??t),e=>(e.preview&&URL.revokeObjectURL(e.preview),{...e,state:`done`,progress:null,preview:null,...w(r)?va(r):{}}))},execution_success:({prompt_id:e})=>Ea(J(e),`success`),execution_interrupted:({prompt_id:e})=>{G(`Stopped.`),Ea(J(e),`interrupted`)},execution_error:e=>{let t=J(e.prompt_id),n=Ca(t),r=J(e.exception_message).trim()||J(e.exception_type)||`It failed.`;if(n){let t=ha(e.traceback).map(J).join(``);pa(n,J(e.node_id),n=>({...n,state:`failed`,errors:[{message:r,details:J(e.exception_type),input:null,trace:t}]}))}G(`${J(e.node_type)||`A node`} failed: ${r.split(`
`)[0]}`,`error`),e.timestamp!==void 0&&Ea(t,`error`)}};function Oa(e){let t=!1;return oa(da,{connection:n=>{q.setState({connection:n}),n===`lost`&&(t=!0),n===`open`&&(Sa(),t&&e(),t=!1)},message:(e,t)=>Da[e]?.(t),preview:(e,t,n)=>{let r=q.getState().current,i=Ca(t||r?.job||``),a=e||r?.node;if(!i||!a)return;let o=URL.createObjectURL(n);pa(i,a,e=>(e.preview&&URL.revokeObjectURL(e.preview),{...e,preview:o}))}})}var ka=e=>e!==void 0&&(e.images.length>0||e.media.length>0||e.preview!==null||e.text!==null),Aa=`burnish`,ja=`session`;function Ma(){return new Promise((e,t)=>{let n=indexedDB.open(Aa,1);n.onupgradeneeded=()=>n.result.createObjectStore(ja),n.onsuccess=()=>e(n.result),n.onerror=()=>t(n.error??Error(`the browser's database cannot be opened`))})}async function Na(e,t){let n=await Ma();try{return await new Promise((r,i)=>{let a=t(n.transaction(ja,e).objectStore(ja));a.onsuccess=()=>r(a.result),a.onerror=()=>i(a.error??Error(`the browser's database refused`))})}finally{n.close()}}var Pa=e=>Na(`readwrite`,t=>t.put(e,`tabs`)),Fa=async()=>{let e=await Na(`readonly`,e=>e.get(`tabs`));return typeof e==`string`?e:null},Ia={theme:`system`,links:`spline`,release:`search`,snap:!1,minimap:!0,drag:`pan`,wheel:`zoom`,control:`after`,confirmDelete:!0,animate:!0,translate:!0,batch:1,auto:`off`,favourites:[],keys:{}},Y=y()(ee(()=>Ia,{name:`burnish.settings`})),La=(e,t)=>{Y.setState({[e]:t})},Ra=()=>{Y.setState(Ia,!0)};async function za(){let[e,t]=await Promise.all([Ci(),Y.getState().translate?$i():null,Va().catch(K)]),{catalog:n,broken:r}=ue.read(t===null?e:vi(e,t,navigator.languages));I.setState({catalog:n,ready:!0}),r.length&&G(`These node classes cannot be understood: ${r.join(`, `)}`,`error`)}var Ba=y()(()=>({list:[]})),Va=async()=>Ba.setState({list:await Yi()});async function Ha(e){let t=I.getState(),n=R(t),r=z(t).nodes.get(e);if(!r)return;let i=(await ra(`Keep the subgraph as`,r.title??D(n,r.type).name,`Keep`))?.trim(),a=i?fi(n,hn(L(t)),e,i):null;if(i&&a)try{if(!await Zi(i,a,!1)){if(!await ia(`Replace?`,`A subgraph "${i}" is kept already.`,`Replace`,!0))return;await Zi(i,a,!0)}await Va(),G(`Kept "${i}". It is among the nodes now.`,`success`)}catch(e){K(e)}}async function Ua(e,t){try{let n=await Xi(e),r=[];B((e,i)=>{let a=Er(e,i,n,t);return r=a.ids,a.doc}),Cn({nodes:r})}catch(e){K(e)}}async function Wa({name:e}){await ia(`Delete?`,`"${e}" will be gone from the server. Workflows that use it keep their copy.`,`Delete`,!0)&&await Qi(e).then(Va).catch(K)}function Ga(e,t){let n=null;for(let r of e.layers.values()){let i=null;for(let n of r.nodes.values())for(let a of N(e,r,n,t).rows){if(!a.mode||a.mode===`fixed`||a.socket?.linked)continue;let o=_t(a.widget,a.value,a.mode);o!==void 0&&o!==a.value&&(i??=new Map(r.nodes),i.set(O(n),ht(e,i.get(O(n)),t,a.key,o)))}i&&(n??=new Map(e.layers)).set(r.id,{...r,nodes:i})}return n?{...e,layers:n}:e}function Ka(e,t,n){let r=D(t,``),i=new Date,a=e=>String(e).padStart(2,`0`),o={yyyy:String(i.getFullYear()),yy:a(i.getFullYear()%100),MM:a(i.getMonth()+1),M:String(i.getMonth()+1),dd:a(i.getDate()),d:String(i.getDate()),hh:a(i.getHours()),h:String(i.getHours()),mm:a(i.getMinutes()),m:String(i.getMinutes()),ss:a(i.getSeconds()),s:String(i.getSeconds())},s=e=>e.replace(/%([^%]+)%/g,(e,i)=>{if(i.startsWith(`date:`))return i.slice(5).replace(/yyyy|yy|MM|M|dd|d|hh|h|mm|m|ss|s/g,e=>o[e]??e);let a=i.lastIndexOf(`.`);if(a<1)return e;let s=i.slice(0,a),c=[...r.nodes.values()].find(e=>e.properties?.[`Node name for S&R`]===s||e.title===s||e.type===s),l=c&&N(t,r,c,n).rows.find(e=>e.key===i.slice(a+1));return l?.value===void 0?e:String(l.value).replace(/[/?<>\\:*|"\x00-\x1F\x7F]/g,`_`)}),c=e=>!w(e)||!w(e.inputs)||typeof e.inputs.filename_prefix!=`string`?e??null:{...e,inputs:{...e.inputs,filename_prefix:s(e.inputs.filename_prefix)}};return Object.fromEntries(Object.entries(e).map(([e,t])=>[e,c(t)]))}async function qa({front:e=!1,targets:t,times:n=Y.getState().batch}={}){let{id:r}=L(I.getState());ma(r);for(let i=0;i<n;i++)if(!await Ja(r,e,t))return}async function Ja(e,t,n){let{catalog:r}=I.getState(),i=()=>{let t=I.getState().tabs.find(t=>t.id===e);if(!t)return;let n=Ga(t.history.present,r);n!==t.history.present&&vn(e,e=>({...e,history:{...e.history,present:n}}))};Y.getState().control===`before`&&i();let a=I.getState().tabs.find(t=>t.id===e)?.history.present;if(!a)return!1;try{let i=Ka(Ye(a,r),a,r),o=Object.keys(i).length;if(!o)throw new xe([`There is nothing to run: add nodes first (double-click the canvas).`]);let s=dr(a),c=crypto.randomUUID();ya(e,c,o);let l=await wi({client_id:da,prompt_id:c,prompt:i,extra_data:{extra_pnginfo:{workflow:s}},...t?{front:t}:{},...n?{partial_execution_targets:n}:{}});Sa();let u=ga(l);Object.keys(u).length&&(_a(e,u),G(`Part of the workflow does not run: see the errors.`,`error`))}catch(t){let n=t instanceof bi&&w(t.body)?t.body:{},r=w(n.node_errors)?ga(n.node_errors):{},i=w(n.error)&&w(n.error.extra_info)?n.error.extra_info:{};typeof i.node_id==`string`&&!r[i.node_id]&&(r[i.node_id]=[{message:t instanceof Error?t.message:``,details:``,input:null,trace:``}]);let a=Object.keys(r).length,o=t instanceof Error?t.message:String(t),s=a&&i.node_id===void 0?`${a===1?`A node`:`${a} nodes`} cannot run: see the errors.`:o;return _a(e,r,s),I.setState({side:`errors`}),G(s,`error`),!1}return Y.getState().control===`after`&&i(),!0}async function Ya(){let e=I.getState(),t=z(e),n=gn(L(e)),r=e.selection.nodes.filter(n=>e.catalog.spec(t.nodes.get(n)?.type??``)?.output);r.length?await qa({targets:r.map(e=>n+e),times:1}):G(`Select nodes that save or show something, such as Save Image.`,`error`)}var Xa=()=>ki().catch(K);async function Za(){await Ai().catch(K),await Sa()}function Qa(){let e=null,t=()=>{let{auto:t}=Y.getState(),n=q.getState().jobs.some(e=>e.status===`pending`||e.status===`in_progress`),r=R(I.getState());t===`off`||n||t===`change`&&r===e||qa({times:1}).then(()=>{e=R(I.getState())})};Ta((e,n)=>{n===`success`&&setTimeout(t,100)}),I.subscribe((e,n)=>{R(e)!==R(n)&&Y.getState().auto===`change`&&L(e).id===L(n).id&&setTimeout(t,400)}),Y.subscribe((n,r)=>{n.auto!==r.auto&&(e=null,t())})}var $a=e=>e.replace(/\.json$/,``);async function eo(e=!1){let t=L(I.getState()),n=t.file;if(e||!n){let e=await ra(`Save the workflow as`,$a(t.file??t.name),`Save`);if(!e?.trim())return!1;n=`${$a(e.trim())}.json`}let r=t.history.present;try{let e=n===t.file;if(!await Ki(n,dr(r),e)){if(!await ia(`Replace?`,`There is a workflow "${$a(n)}" already.`,`Replace`,!0))return!1;await Ki(n,dr(r),!0)}}catch(e){return K(e),!1}let i=n;return vn(t.id,e=>({...e,file:i,name:$a(i),saved:r})),G(`Saved "${$a(i)}".`,`success`),!0}async function to(e){let t=I.getState().tabs.find(t=>t.file===e);if(t)return Tn(t.id);try{io(await Ui(e),$a(e),e)}catch(e){K(e)}}async function no(e){let t=await ra(`Rename the workflow`,$a(e),`Rename`);if(!t?.trim()||`${$a(t.trim())}.json`===e)return;let n=`${$a(t.trim())}.json`;try{await Gi(e,n),I.setState(({tabs:t})=>({tabs:t.map(t=>t.file===e?{...t,file:n,name:$a(n)}:t)}))}catch(e){K(e)}}async function ro(e){if(await ia(`Delete?`,`"${$a(e)}" will be gone from the server.`,`Delete`,!0))try{await Wi(e),I.setState(({tabs:t})=>({tabs:t.map(t=>t.file===e?{...t,file:null,saved:null}:t)}))}catch(e){K(e)}}function io(e,t,n=null){try{let{catalog:r}=I.getState(),i=pn(Zn(e,r),t,n);wn(i);let a=ao(i.history.present,r);return a.length&&(I.setState({side:`errors`}),G(`${a.length===1?`A node class is`:`${a.length} node classes are`} not on this server: ${a.slice(0,4).join(`, `)}${a.length>4?`...`:``}`,`error`)),i}catch(e){return K(e),null}}function ao(e,t){let n=new Set;for(let r of e.layers.values())for(let i of r.nodes.values())Te(e,i)===`real`&&!t.spec(i.type)&&n.add(i.type);return[...n].sort()}function oo(e,t){let n=[];for(let r of e.layers.values())for(let i of r.nodes.values()){if(i.mode===E.Muted||i.mode===E.Bypassed||Te(e,i)!==`real`)continue;let a=N(e,r,i,t);for(let e of a.rows)e.widget.kind===`combo`&&!e.socket?.linked&&typeof e.value==`string`&&/\.\w+$/.test(e.value)&&(e.widget.options.includes(e.value)||n.push({layer:r.id,node:O(i),title:a.title,widget:e.key,value:e.value,options:e.widget.options}))}return n}async function so(e,t=null){let n=e.name.replace(/\.[^.]+$/,``);try{if(/\.json$/i.test(e.name)||e.type===`application/json`){io(C(await e.text()),n);return}let r=await $r(e),i=r.get(`workflow`)??r.get(`prompt`),a=r.get(`parameters`);if(i)io(C(i),n);else if(a)io(Gn(a,I.getState().catalog),n);else if(e.type.startsWith(`image/`))await co(e,t);else throw Error(`"${e.name}" holds no workflow.`)}catch(e){K(e)}}async function co(e,t){let n=await Ri(e);await za();let{catalog:r}=I.getState();if(!r.spec(`LoadImage`))throw Error(`This server has no node that loads pictures.`);B((e,i)=>Et(e,i,ht(e,At(r,`LoadImage`,t??[0,0],Ot(e),e),r,`image`,n)))}function lo(e,t){let n=document.createElement(`a`);n.href=URL.createObjectURL(new Blob([se(t,2)],{type:`application/json`})),n.download=e,n.click(),setTimeout(()=>URL.revokeObjectURL(n.href),1e4)}function uo(e){let t=L(I.getState());lo(`${t.name}.json`,dr(t.history.present,e??t.history.present.version))}function fo(){let e=I.getState();try{lo(`${L(e).name} (API).json`,Ye(R(e),e.catalog))}catch(e){K(e)}}async function po(e){let t=I.getState().tabs.find(t=>t.id===e);t&&(!_n(t)||await ia(`Close without saving?`,`"${t.name}" has changes that are not saved.`,`Close`,!0))&&En(e)}async function mo(e){try{let{workflow:t,prompt:n}=await Di(e),r=t??n;r?io(r,`Job ${e.slice(0,8)}`):G(`The server kept no workflow of this job.`,`error`)}catch(e){K(e)}}function ho(){let e,t=()=>{let{tabs:e,active:t}=I.getState();Pa(se({tabs:e.map(e=>({id:e.id,name:e.name,file:e.file,dirty:_n(e),doc:dr(e.history.present),...e.view?{view:{...e.view}}:{}})),active:t})).catch(K)};I.subscribe((n,r)=>{(n.tabs!==r.tabs||n.active!==r.active)&&(clearTimeout(e),e=setTimeout(t,300))}),addEventListener(`pagehide`,t)}async function go(){let e=await Fa(),t=e===null?null:C(e);if(!w(t)||!Array.isArray(t.tabs))return;let{catalog:n}=I.getState(),r=t.tabs.flatMap(e=>{if(!w(e)||!w(e.doc))return[];let t=Zn(e.doc,n),r=pn(t,String(e.name),typeof e.file==`string`?e.file:null),i=w(e.view)?{x:Number(e.view.x),y:Number(e.view.y),zoom:Number(e.view.zoom)}:null,a=e.dirty===!0?{...t}:r.saved;return[{...r,id:String(e.id),saved:a,view:i}]});r.length&&I.setState({tabs:r,active:r.some(e=>e.id===t.active)?String(t.active):r[0].id})}function _o(){let e=I.getState(),{nodes:t,groups:n}=e.selection;if(!t.length&&!n.length)return!1;let r=se(wr(R(e),hn(L(e)),t,n));return vo=r,navigator.clipboard?.writeText(r).catch(()=>void 0),!0}var vo=null;function yo(e,t,n){let r;try{r=C(e)}catch{return!1}if(Tr(r)){let e=r,i=[];return B((r,a)=>{let o=Er(r,a,e,t,n);return i=o.ids,o.doc}),Cn({nodes:i}),!0}return w(r)?io(r,`Pasted`)!==null:!1}var bo=()=>vo;function xo(e=!1){let{selection:t}=I.getState(),{nodes:n,groups:r,links:i,reroutes:a}=t;B((t,o)=>{let s=new Set(n.filter(e=>D(t,o).nodes.get(e)?.flags?.pinned===!0)),c=It(t,o,n.filter(e=>!s.has(e)),e);i.length&&(c=Ft(c,o,i)),r.length&&(c=Gt(c,o,r));for(let e of a)c=Yt(c,o,e);return c}),Cn({})}function So(){_o()&&xo()}function Co(){let e=I.getState(),t=z(e),n=e.selection.nodes.flatMap(e=>t.nodes.get(e)?.pos??[]);if(!n.length)return;let r=[Math.min(...n.filter((e,t)=>t%2==0))+32,Math.min(...n.filter((e,t)=>t%2==1))+32];yo(se(wr(R(e),hn(L(e)),e.selection.nodes)),r,!0)}function wo(){let e=I.getState(),t=z(e),n=e.selection.nodes.flatMap(e=>t.nodes.get(e)??[]);if(!n.length)return G(`Select the nodes that the group is to hold.`);let r=Math.min(...n.map(e=>e.pos[0]))-16,i=Math.min(...n.map(e=>e.pos[1]))-80,a=Math.max(...n.map(e=>e.pos[0]+e.size[0]))+16,o=Math.max(...n.map(e=>e.pos[1]+e.size[1]))+16;B((e,t)=>Ut(e,t,[r,i,a-r,o-i]))}async function To(){let e=I.getState();if(!e.selection.nodes.length)return G(`Select the nodes that the subgraph is to hold.`);let t=await ra(`Name of the subgraph`,`New subgraph`,`Create`);if(!t?.trim())return;let n=null;B((r,i)=>{let a=si(r,i,e.selection.nodes,e.catalog,t.trim());return n=a?.id??null,a?.doc??r}),n!==null&&Cn({nodes:[n]})}function Eo(){let{catalog:e,selection:t}=I.getState(),n=[];B((r,i)=>{let a=r;for(let r of t.nodes){let t=ci(a,i,r,e);t&&(a=t.doc,n=[...n,...t.ids])}return a}),n.length?Cn({nodes:n}):G(`Select a subgraph.`)}var Do=y()(()=>({link:null}));function Oo(e){document.querySelector(`.canvas`)?.setAttribute(`data-connecting`,``);for(let t of document.querySelectorAll(`.canvas .slot`)){let{side:n,type:r=`*`}=t.dataset,i=n!==e.side&&(e.side===`output`?M(e.type,r):M(r,e.type));t.toggleAttribute(`data-dim`,!i)}}function ko(){document.querySelector(`.canvas`)?.removeAttribute(`data-connecting`);for(let e of document.querySelectorAll(`.canvas .slot[data-dim]`))e.removeAttribute(`data-dim`)}var Ao={play:(0,V.jsx)(`path`,{d:`M4.5 2.8v10.4a.6.6 0 0 0 .9.5l8.3-5.2a.6.6 0 0 0 0-1L5.4 2.3a.6.6 0 0 0-.9.5Z`,fill:`currentColor`,stroke:`none`}),stop:(0,V.jsx)(`rect`,{x:`3.5`,y:`3.5`,width:`9`,height:`9`,rx:`1.5`,fill:`currentColor`,stroke:`none`}),nodes:(0,V.jsx)(`path`,{d:`M2.5 3.5h4v3h-4zM9.5 9.5h4v3h-4zM6.5 5h2a1 1 0 0 1 1 1v3.5a1.5 1.5 0 0 0 0 1.5`}),folder:(0,V.jsx)(`path`,{d:`M2 4.5a1 1 0 0 1 1-1h3l1.5 1.5H13a1 1 0 0 1 1 1v5.5a1 1 0 0 1-1 1H3a1 1 0 0 1-1-1z`}),box:(0,V.jsx)(`path`,{d:`m8 1.8 5.5 3v6.4L8 14.2l-5.5-3V4.800zM2.500 4.800 8 7.800l5.500-3M8 7.800v6.400`}),grid:(0,V.jsx)(`path`,{d:`M2.500 2.500h4.500v4.500h-4.500zM9 2.500h4.500v4.500H9zM2.500 9h4.500v4.500h-4.500zM9 9h4.500v4.500H9z`}),picture:(0,V.jsx)(`path`,{d:`M2.500 3h11v10h-11zM2.500 11l3.500-3.500 3 3 2-2 2.500 2.500M10.500 6v.1`}),clock:(0,V.jsx)(`path`,{d:`M8 4.500V8l2.500 1.500M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12Z`}),warn:(0,V.jsx)(`path`,{d:`M8 6v3.500M8 11.700v.1M7.100 2.500 1.700 12a1 1 0 0 0 .9 1.500h10.800a1 1 0 0 0 .9-1.500L8.900 2.500a1 1 0 0 0-1.800 0Z`}),info:(0,V.jsx)(`path`,{d:`M8 7.500V11M8 5v.1M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12Z`}),gear:(0,V.jsx)(`path`,{d:`M8 10.200a2.200 2.200 0 1 0 0-4.400 2.200 2.200 0 0 0 0 4.400ZM8 1.800v1.700M8 12.500v1.700M3.600 3.600l1.200 1.200M11.200 11.200l1.200 1.200M1.800 8h1.700M12.500 8h1.700M3.600 12.400l1.200-1.200M11.200 4.800l1.200-1.200`}),terminal:(0,V.jsx)(`path`,{d:`m3 5 3 3-3 3M8 11.500h5`}),close:(0,V.jsx)(`path`,{d:`m4 4 8 8M12 4l-8 8`}),plus:(0,V.jsx)(`path`,{d:`M8 3v10M3 8h10`}),search:(0,V.jsx)(`path`,{d:`m10.200 10.200 3.300 3.300M7 11.500a4.500 4.500 0 1 0 0-9 4.500 4.500 0 0 0 0 9Z`}),chevron:(0,V.jsx)(`path`,{d:`m5 6.500 3 3 3-3`}),right:(0,V.jsx)(`path`,{d:`m6.500 5 3 3-3 3`}),star:(0,V.jsx)(`path`,{d:`m8 2 1.800 3.800 4.200.5-3.100 2.900.8 4.100L8 11.300l-3.700 2 .8-4.100L2 6.300l4.200-.5z`}),trash:(0,V.jsx)(`path`,{d:`M3 4.500h10M6.500 4.500V3h3v1.500M4.500 4.500l.5 8.500h6l.5-8.500`}),open:(0,V.jsx)(`path`,{d:`M9 2.500h4.500V7M13.500 2.500 8 8M11.500 9.500v3.500h-8.500V4.500H6.500`}),save:(0,V.jsx)(`path`,{d:`M3 2.500h8L13.500 5v8.500H2.500V3zM5 13V9h6v4M5.500 2.500V5H10V2.500`}),undo:(0,V.jsx)(`path`,{d:`M5.500 3.500 2.500 6.500l3 3M2.500 6.500h7a4 4 0 0 1 0 8H8`,transform:`translate(0 -1)`}),redo:(0,V.jsx)(`path`,{d:`m10.500 3.500 3 3-3 3M13.500 6.500h-7a4 4 0 0 0 0 8H8`,transform:`translate(0 -1)`}),fit:(0,V.jsx)(`path`,{d:`M2.500 6V2.500H6M10 2.500h3.500V6M13.500 10v3.500H10M6 13.500H2.500V10`}),lock:(0,V.jsx)(`path`,{d:`M4 7.500h8v6H4zM5.500 7.500V5a2.500 2.500 0 0 1 5 0v2.500`}),map:(0,V.jsx)(`path`,{d:`M2.500 3.500 6 2.500l4 1 3.500-1v10L10 13.500l-4-1-3.500 1zM6 2.500v10M10 3.500v10`}),menu:(0,V.jsx)(`path`,{d:`M2.500 4.500h11M2.500 8h11M2.500 11.500h11`}),upload:(0,V.jsx)(`path`,{d:`M8 10.500V3M5 5.500 8 2.500l3 3M2.500 10.500v3h11v-3`}),download:(0,V.jsx)(`path`,{d:`M8 2.500V10M5 7.500l3 3 3-3M2.500 10.500v3h11v-3`}),dice:(0,V.jsx)(`path`,{d:`M3 3h10v10H3zM6 6v.1M10 6v.1M8 8v.1M6 10v.1M10 10v.1`}),pin:(0,V.jsx)(`path`,{d:`M6 2.500h4l-.5 4 2 2v1h-7v-1l2-2zM8 9.500v4.500`}),more:(0,V.jsx)(`path`,{d:`M3.500 8v.1M8 8v.1M12.500 8v.1`,strokeWidth:`2.200`}),layers:(0,V.jsx)(`path`,{d:`m8 2.500 6 3-6 3-6-3zM2 8.500l6 3 6-3M2 11.200l6 3 6-3`})};function X({name:e,size:t=16}){return(0,V.jsx)(`svg`,{className:`icon`,width:t,height:t,viewBox:`0 0 16 16`,fill:`none`,stroke:`currentColor`,strokeWidth:`1.3`,strokeLinecap:`round`,strokeLinejoin:`round`,"aria-hidden":`true`,children:Ao[e]})}var jo=y()(()=>({popup:null}));function Mo(e,t){jo.setState({popup:{at:e,content:t,from:document.activeElement}})}function No(){let{popup:e}=jo.getState();e&&(jo.setState({popup:null}),e.from instanceof HTMLElement&&e.from.isConnected&&e.from.focus({preventScroll:!0}))}function Po(){let e=jo(e=>e.popup),t=(0,S.useRef)(null),[n,r]=(0,S.useState)(null);return(0,S.useLayoutEffect)(()=>{if(r(null),!e||!t.current)return;let{width:n,height:i}=t.current.getBoundingClientRect(),a=`bottom`in e.at?e.at.bottom+4:e.at.y,o=`top`in e.at?e.at.top-i-4:innerHeight-i-8,s=a+i+8>innerHeight?Math.max(8,o):a;r({left:Math.max(8,Math.min(e.at.x,innerWidth-n-8)),top:s})},[e]),(0,S.useEffect)(()=>{if(!e)return;let t=e=>{e.target instanceof Element&&e.target.closest(`.popup`)||No()};return addEventListener(`pointerdown`,t,!0),addEventListener(`blur`,No),()=>{removeEventListener(`pointerdown`,t,!0),removeEventListener(`blur`,No)}},[e]),e?(0,V.jsx)(`div`,{ref:t,className:`popup`,style:n??{left:0,top:0,opacity:0},onKeyDown:e=>{e.stopPropagation(),e.key===`Escape`&&No()},children:e.content}):null}function Z(e,t){Mo(e,(0,V.jsx)(Fo,{items:t}))}function Fo({items:e,back:t}){let n=(0,S.useRef)(null),[r,i]=(0,S.useState)(null);(0,S.useEffect)(()=>{t||n.current?.querySelector(`button:not([disabled])`)?.focus()},[t]);let a=(e,t)=>{let r=[...n.current?.querySelectorAll(`:scope > .menu-row > button:not([disabled])`)??[]];r[(r.indexOf(e)+t+r.length)%r.length]?.focus()};return(0,V.jsx)(`div`,{className:`menu`,role:`menu`,ref:n,onKeyDown:e=>{(e.key===`ArrowDown`||e.key===`ArrowUp`)&&(e.preventDefault(),e.stopPropagation(),a(e.target,e.key===`ArrowDown`?1:-1)),e.key===`ArrowLeft`&&t&&(e.stopPropagation(),t())},children:e.map((e,t)=>e===`-`?(0,V.jsx)(`hr`,{},t):`items`in e?(0,V.jsxs)(`div`,{className:`menu-row`,onPointerEnter:()=>i({index:t,focus:!1}),children:[(0,V.jsxs)(`button`,{type:`button`,role:`menuitem`,"aria-haspopup":`menu`,"aria-expanded":r?.index===t,onClick:()=>i({index:t,focus:!0}),onKeyDown:e=>{e.key===`ArrowRight`&&i({index:t,focus:!0})},children:[(0,V.jsx)(`span`,{children:e.label}),(0,V.jsx)(X,{name:`right`,size:12})]}),r?.index===t&&(0,V.jsx)(Io,{items:e.items(),focus:r.focus,back:()=>i(null)})]},t):(0,V.jsx)(`div`,{className:`menu-row`,onPointerEnter:()=>i(null),children:(0,V.jsxs)(`button`,{type:`button`,role:e.checked===void 0?`menuitem`:`menuitemcheckbox`,"aria-checked":e.checked,disabled:e.disabled,"data-danger":e.danger||void 0,onClick:()=>{No(),e.run()},children:[e.colour&&(0,V.jsx)(`i`,{className:`swatch`,style:{background:e.colour}}),e.checked!==void 0&&(0,V.jsx)(`i`,{className:`tick`,children:e.checked?`✓`:``}),(0,V.jsx)(`span`,{children:e.label}),e.keys&&(0,V.jsx)(`kbd`,{children:e.keys})]})},t))})}function Io({items:e,focus:t,back:n}){let r=(0,S.useRef)(null),[i,a]=(0,S.useState)({});return(0,S.useEffect)(()=>{let e=r.current?.getBoundingClientRect();e&&(a({...e.right>innerWidth-8?{left:`auto`}:{},...e.bottom>innerHeight-8?{top:innerHeight-8-e.bottom}:{}}),t&&r.current?.querySelector(`button:not([disabled])`)?.focus())},[t]),(0,V.jsx)(`div`,{className:`submenu`,ref:r,style:{...i.left?{left:`auto`,right:`100%`}:{},...i.top===void 0?{}:{top:i.top}},children:(0,V.jsx)(Fo,{items:e,back:()=>{(r.current?.parentElement?.firstElementChild)?.focus(),n()}})})}function Lo(e){let t=I.getState(),n=N(R(t),z(t),e,t.catalog),r=O(e);return[...n.inputs.map(e=>({node:r,side:`input`,slot:-1,name:e.name,type:e.type,widget:!1})),...n.rows.flatMap(e=>e.socket?[{node:r,side:`input`,slot:-1,name:e.socket.name,type:e.socket.type,widget:!0}]:[]),...n.outputs.map((e,t)=>({node:r,side:`output`,slot:t,name:e.name,type:e.type,widget:!1}))]}function Ro(){let e=I.getState(),t=z(e),n=R(e),[r]=e.selection.nodes,i=r===void 0?void 0:t.nodes.get(r);if(!i)return G(`Select the node to link.`);let a=[...t.nodes.values()].filter(e=>e!==i).map(r=>({title:N(n,t,r,e.catalog).title,id:O(r),sockets:Lo(r)})),o=new Map;for(let{title:e}of a)o.set(e,(o.get(e)??0)+1);let s=e=>a.flatMap(t=>t.sockets.filter(t=>t.side!==e.side&&(e.side===`output`?M(e.type,t.type):M(t.type,e.type))).map(n=>{let[r,i]=e.side===`output`?[e,n]:[n,e];return{label:`${o.get(t.title)>1?`${t.title} ${t.id}`:t.title}: ${n.name}`,run:()=>An(r,i)}})),c=Lo(i).map(e=>{let t=e.side===`input`?(i.inputs??[]).find(t=>t.name===e.name)?.link:void 0,n=t==null?[]:[{label:`Remove the link`,danger:!0,run:()=>B((e,n)=>Ft(e,n,[t]))}];return{label:e.side===`input`?`${e.name} from`:`${e.name} to`,items:()=>{let t=[...n,...s(e)];return t.length?t:[{label:`Nothing fits`,disabled:!0,run:()=>void 0}]}}}),l=document.querySelector(`.react-flow__node[data-id="${CSS.escape(O(i))}"]`)?.getBoundingClientRect();Z({x:l?.right??innerWidth/2,y:l?.top??innerHeight/2},c.length?c:[{label:`This node has no sockets`,disabled:!0,run:()=>void 0}])}var zo=null,Bo=null,Vo=e=>{zo=e},Ho=e=>{Bo=e},Uo=()=>matchMedia(`(prefers-reduced-motion: reduce)`).matches?0:180,Wo={padding:.12,maxZoom:1},Go=e=>void zo?.fitView({...Wo,duration:Uo(),...e?.length?{nodes:e.map(e=>({id:e}))}:{}}),Ko=e=>void zo?.zoomTo(zo.getZoom()*e,{duration:Uo()}),qo=e=>void zo?.zoomTo(e,{duration:Uo()}),Jo=e=>void zo?.setCenter(e[0],e[1],{zoom:zo.getZoom(),duration:0}),Yo=e=>void zo?.setViewport(e),Xo=e=>{let t=zo?.screenToFlowPosition({x:e[0],y:e[1]},{snapToGrid:!1});return t?[Math.round(t.x),Math.round(t.y)]:e};function Zo(){let e=document.querySelector(`.react-flow`)?.getBoundingClientRect();return e?[e.x+e.width/2,e.y+e.height/2]:[innerWidth/2,innerHeight/2]}var Qo=()=>Bo??Zo(),$o=y()(()=>({far:!1})),es=.35,ts=()=>I.getState().selection.nodes,ns=e=>()=>B((t,n)=>zt(t,n,ts(),e)),rs=e=>()=>B((t,n)=>Bt(t,n,ts(),e)),is=e=>()=>I.setState(({panel:t})=>({panel:t===e?null:e})),as=e=>()=>I.setState(({side:t})=>({side:t===e?null:e})),os=e=>()=>B((t,n)=>Yn(t,n,I.getState().catalog,ts(),e));function ss(){let e=Qo();I.setState({add:{at:Xo(e),screen:e}})}function cs(e){let{tabs:t,active:n}=I.getState();Tn(t[(t.findIndex(e=>e.id===n)+e+t.length)%t.length].id)}function ls(e,t=`.json,.latent,.safetensors,image/*,video/*,audio/*,application/json`){let n=document.createElement(`input`);n.type=`file`,n.accept=t,n.onchange=()=>{for(let t of n.files??[])e(t)},n.click()}var us=[{id:`run`,title:`Run`,keys:[`Ctrl+Enter`],section:`Run`,run:()=>void qa(),always:!0},{id:`run-front`,title:`Run before all that waits`,keys:[`Ctrl+Shift+Enter`],section:`Run`,run:()=>void qa({front:!0}),always:!0},{id:`run-selected`,title:`Run only what the selected nodes need`,keys:[`Ctrl+Alt+R`],section:`Run`,run:()=>void Ya()},{id:`interrupt`,title:`Stop the running job`,keys:[`Ctrl+Alt+Enter`],section:`Run`,run:()=>void Xa(),always:!0},{id:`clear-queue`,title:`Empty the queue`,keys:[],section:`Run`,run:()=>void Za()},{id:`refresh`,title:`Read node classes and files again`,keys:[`R`],section:`Run`,run:()=>void za().then(()=>G(`Read again.`,`success`)).catch(K)},{id:`new`,title:`New workflow`,keys:[`Ctrl+Alt+N`],section:`File`,run:()=>wn(pn())},{id:`open`,title:`Open a file`,keys:[`Ctrl+O`],section:`File`,run:()=>ls(e=>void so(e))},{id:`save`,title:`Save`,keys:[`Ctrl+S`],section:`File`,run:()=>void eo(),always:!0},{id:`save-as`,title:`Save as`,keys:[`Ctrl+Shift+S`],section:`File`,run:()=>void eo(!0),always:!0},{id:`export`,title:`Export the workflow`,keys:[],section:`File`,run:()=>uo()},{id:`export-1`,title:`Export in format 1.0`,keys:[],section:`File`,run:()=>uo(1)},{id:`export-api`,title:`Export for the API`,keys:[],section:`File`,run:fo},{id:`close`,title:`Close the tab`,keys:[`Alt+W`],section:`File`,run:()=>void po(I.getState().active)},{id:`next-tab`,title:`Next tab`,keys:[`Alt+PageDown`,`Shift+ArrowRight`],section:`File`,run:()=>cs(1)},{id:`previous-tab`,title:`Previous tab`,keys:[`Alt+PageUp`,`Shift+ArrowLeft`],section:`File`,run:()=>cs(-1)},{id:`undo`,title:`Undo`,keys:[`Ctrl+Z`],section:`Edit`,run:xn},{id:`redo`,title:`Redo`,keys:[`Ctrl+Y`,`Ctrl+Shift+Z`],section:`Edit`,run:Sn},{id:`copy`,title:`Copy`,keys:[`Ctrl+C`],section:`Edit`,run:()=>void _o()},{id:`cut`,title:`Cut`,keys:[`Ctrl+X`],section:`Edit`,run:So},{id:`duplicate`,title:`Duplicate, links kept`,keys:[`Ctrl+D`],section:`Edit`,run:Co},{id:`delete`,title:`Delete`,keys:[`Delete`,`Backspace`],section:`Edit`,run:()=>xo()},{id:`dissolve`,title:`Delete and close the gap`,keys:[`Shift+Delete`],section:`Edit`,run:()=>xo(!0)},{id:`all`,title:`Select all`,keys:[`Ctrl+A`],section:`Edit`,run:()=>Cn({nodes:[...z(I.getState()).nodes.keys()],groups:z(I.getState()).groups.map(e=>e.id)})},{id:`add`,title:`Add a node`,keys:[`Tab`,`Shift+A`],section:`Nodes`,run:ss},{id:`mute`,title:`Mute`,keys:[`Ctrl+M`],section:`Nodes`,run:ns(E.Muted)},{id:`bypass`,title:`Bypass`,keys:[`Ctrl+B`],section:`Nodes`,run:ns(E.Bypassed)},{id:`collapse`,title:`Collapse`,keys:[`Alt+C`],section:`Nodes`,run:rs(`collapsed`)},{id:`pin`,title:`Pin`,keys:[`P`],section:`Nodes`,run:rs(`pinned`)},{id:`link`,title:`Link, from a menu`,keys:[`L`],section:`Nodes`,run:Ro},{id:`rename`,title:`Rename`,keys:[`F2`],section:`Nodes`,run:()=>I.setState({renaming:ts()[0]??null})},{id:`group`,title:`Group`,keys:[`Ctrl+G`],section:`Nodes`,run:wo},{id:`subgraph`,title:`Turn into a subgraph`,keys:[`Ctrl+Shift+E`],section:`Nodes`,run:()=>void To()},{id:`unpack`,title:`Unpack the subgraph`,keys:[`Ctrl+Shift+U`],section:`Nodes`,run:Eo},{id:`arrange`,title:`Arrange`,keys:[`Alt+L`],section:`Nodes`,run:()=>B((e,t)=>qn(e,t,I.getState().catalog,ts().length>1?new Set(ts()):void 0))},{id:`align-left`,title:`Align left`,keys:[],section:`Nodes`,run:os(`left`)},{id:`align-right`,title:`Align right`,keys:[],section:`Nodes`,run:os(`right`)},{id:`align-top`,title:`Align top`,keys:[],section:`Nodes`,run:os(`top`)},{id:`align-bottom`,title:`Align bottom`,keys:[],section:`Nodes`,run:os(`bottom`)},{id:`spread-columns`,title:`Spread sideways`,keys:[],section:`Nodes`,run:os(`columns`)},{id:`spread-rows`,title:`Spread up and down`,keys:[],section:`Nodes`,run:os(`rows`)},{id:`fit`,title:`Show all`,keys:[`.`],section:`View`,run:()=>Go()},{id:`fit-selected`,title:`Show the selected nodes`,keys:[`Shift+.`],section:`View`,run:()=>Go(ts())},{id:`zoom-in`,title:`Zoom in`,keys:[`Alt+=`],section:`View`,run:()=>Ko(1.25)},{id:`zoom-out`,title:`Zoom out`,keys:[`Alt+-`],section:`View`,run:()=>Ko(.8)},{id:`leave`,title:`Leave the subgraph`,keys:[`Escape`],section:`View`,run:()=>On(L(I.getState()).path.length-1)},{id:`nodes`,title:`Nodes`,keys:[`N`],section:`View`,run:is(`nodes`)},{id:`workflows`,title:`Workflows`,keys:[`W`],section:`View`,run:is(`workflows`)},{id:`models`,title:`Models`,keys:[`M`],section:`View`,run:is(`models`)},{id:`results`,title:`Results`,keys:[`A`],section:`View`,run:is(`results`)},{id:`templates`,title:`Examples`,keys:[`T`],section:`View`,run:is(`templates`)},{id:`jobs`,title:`Queue and history`,keys:[`Q`],section:`View`,run:as(`jobs`)},{id:`errors`,title:`Errors`,keys:[`E`],section:`View`,run:as(`errors`)},{id:`node`,title:`Node`,keys:[`I`],section:`View`,run:as(`node`)},{id:`logs`,title:`Logs`,keys:["Ctrl+`"],section:`View`,run:()=>I.setState(({logs:e})=>({logs:!e}))},{id:`minimap`,title:`Map`,keys:[`Alt+Shift+M`],section:`View`,run:()=>La(`minimap`,!Y.getState().minimap)},{id:`lock`,title:`Lock the canvas`,keys:[`H`],section:`View`,run:()=>I.setState(({locked:e})=>({locked:!e}))},{id:`settings`,title:`Settings`,keys:[`Ctrl+,`],section:`View`,run:()=>I.setState({dialog:`settings`})},{id:`shortcuts`,title:`Keys`,keys:[`Ctrl+Shift+K`,`?`],section:`View`,run:()=>I.setState({dialog:`shortcuts`})}],ds=new Map(us.map(e=>[e.id,e])),fs=e=>ds.get(e)?.run();function ps(e){let t=Y.getState().keys[e.id];return t===void 0?e.keys:t?[t]:[]}function ms(e){let t=ds.get(e);return t&&ps(t)[0]}function hs(e){let t=e.key===` `?`Space`:e.key.length===1?e.key.toUpperCase():e.key,n=e.key.length===1&&!/[a-z0-9]/i.test(e.key)&&!e.ctrlKey&&!e.altKey,r=e.altKey&&/^Key[A-Z]$/.test(e.code)?e.code.slice(3):e.ctrlKey&&e.code===`Backquote`?"`":e.altKey&&e.code===`Equal`?`=`:e.altKey&&e.code===`Minus`?`-`:e.shiftKey&&e.code===`Period`?`.`:t;return[e.ctrlKey||e.metaKey?`Ctrl+`:``,e.altKey?`Alt+`:``,e.shiftKey&&!(n&&e.code!==`Period`)?`Shift+`:``,r].join(``)}var gs=e=>e instanceof HTMLElement&&(e.matches(`input, textarea, select`)||e.isContentEditable);function _s(e){let t=hs(e),{dialog:n,add:r}=I.getState(),i=gs(e.target);if(document.querySelector(`dialog[open]`)||n||r)return;let a=us.find(e=>ps(e).includes(t));!a||i&&!a.always||(a.id!==`add`||t!==`Tab`||e.target===document.body||e.target instanceof Element&&e.target.matches(`.react-flow, .react-flow__pane`))&&(a.id===`copy`&&getSelection()?.toString()||(e.preventDefault(),a.run()))}var vs=y()(()=>({open:null})),ys=(e,t)=>vs.setState({open:{file:e,done:t}}),bs=()=>vs.setState({open:null}),xs=40,Ss=256<<20,Cs=`#19e3ff`;function ws(){let e=vs(e=>e.open);return e&&(0,V.jsx)(Ts,{...e},W(e.file))}function Ts({file:e,done:t}){let n=(0,S.useRef)(null),r=(0,S.useRef)(null),i=(0,S.useRef)([]),a=(0,S.useRef)(null),[o,s]=(0,S.useState)(null),[c,l]=(0,S.useState)(24),[u,d]=(0,S.useState)(20),[f,p]=(0,S.useState)(!1),[m,h]=(0,S.useState)(0),[g,_]=(0,S.useState)(!1);(0,S.useEffect)(()=>void n.current?.showModal(),[]),(0,S.useEffect)(()=>{let t=new Image;return t.onload=()=>{let{naturalWidth:e,naturalHeight:n}=t;s([e,n]),l(Math.max(2,Math.round(Math.min(e,n)/8))),requestAnimationFrame(()=>{let e=r.current?.getContext(`2d`,{willReadFrequently:!0});e&&(e.drawImage(t,0,0),Es(e,e=>255-e))})},t.onerror=()=>K(Error(`"${e.filename}" cannot be shown.`)),t.src=W(e),()=>{t.onload=t.onerror=null}},[e]);let v=()=>r.current.getContext(`2d`,{willReadFrequently:!0}),y=()=>{let{width:e,height:t}=r.current,n=Math.max(1,Math.min(xs,Math.floor(Ss/(e*t*4))));i.current=[...i.current,v().getImageData(0,0,e,t)].slice(-n),h(i.current.length)},b=()=>{let e=i.current.pop();e&&v().putImageData(e,0,0),h(i.current.length)},ee=e=>{y(),Es(v(),e)},te=e=>{let t=e.currentTarget.getBoundingClientRect(),n=[(e.clientX-t.left)/t.width*e.currentTarget.width,(e.clientY-t.top)/t.height*e.currentTarget.height],r=a.current??n,i=v();i.globalCompositeOperation=f||e.buttons&2?`destination-out`:`source-over`;let o=c/2,s=Math.hypot(n[0]-r[0],n[1]-r[1]),l=Math.max(1,Math.ceil(s/Math.max(.5,o/4)));for(let e=1;e<=l;e++){let[t,a]=[r[0]+(n[0]-r[0])*e/l,r[1]+(n[1]-r[1])*e/l];if(u){let e=i.createRadialGradient(t,a,o*(1-u/100),t,a,o);e.addColorStop(0,Cs),e.addColorStop(1,`${Cs}00`),i.fillStyle=e}else i.fillStyle=Cs;i.beginPath(),i.arc(t,a,o,0,Math.PI*2),i.fill()}i.globalCompositeOperation=`source-over`,a.current=n},x=async()=>{_(!0);try{let{width:n,height:i}=r.current,a=new OffscreenCanvas(n,i),o=a.getContext(`2d`);o.drawImage(r.current,0,0),Es(o,e=>255-e);let s=await zi(await a.convertToBlob({type:`image/png`}),e);await za(),t(s),bs()}catch(e){K(e),_(!1)}};return(0,V.jsxs)(`dialog`,{ref:n,className:`viewer mask`,"aria-label":`Mask of ${e.filename}`,onClose:bs,onKeyDown:e=>{if(e.stopPropagation(),(e.ctrlKey||e.metaKey)&&e.key===`z`)b();else if(e.key===`[`)l(e=>Math.max(1,Math.round(e/1.25)));else if(e.key===`]`)l(e=>Math.min(1e3,Math.ceil(e*1.25)));else if(e.key===`e`)p(e=>!e);else return;e.preventDefault()},children:[(0,V.jsx)(`div`,{className:`mask-stage`,children:o&&(0,V.jsxs)(`div`,{className:`mask-sheet`,style:{aspectRatio:`${o[0]} / ${o[1]}`,width:`min(92vw, calc((100vh - 120px) * ${o[0]/o[1]}))`},children:[(0,V.jsx)(`img`,{src:`${W(e)}&channel=rgb`,alt:e.filename,draggable:!1}),(0,V.jsx)(`canvas`,{ref:r,width:o[0],height:o[1],role:`img`,"aria-label":`Mask`,onContextMenu:e=>e.preventDefault(),onPointerDown:e=>{e.currentTarget.setPointerCapture(e.pointerId),y(),a.current=null,te(e)},onPointerMove:e=>e.buttons&&te(e)})]})}),(0,V.jsxs)(`footer`,{children:[(0,V.jsxs)(`div`,{className:`mask-tools`,children:[(0,V.jsx)(`button`,{type:`button`,className:`button`,"aria-pressed":!f,onClick:()=>p(!1),children:`Paint`}),(0,V.jsx)(`button`,{type:`button`,className:`button`,"aria-pressed":f,title:`E, or the right button`,onClick:()=>p(!0),children:`Erase`}),(0,V.jsxs)(`label`,{children:[`Size`,(0,V.jsx)(`input`,{type:`range`,min:1,max:Math.max(64,...o??[]),value:c,onChange:e=>l(Number(e.target.value))})]}),(0,V.jsxs)(`label`,{children:[`Softness`,(0,V.jsx)(`input`,{type:`range`,min:0,max:100,value:u,onChange:e=>d(Number(e.target.value))})]}),(0,V.jsx)(`button`,{type:`button`,className:`button`,onClick:()=>ee(e=>255-e),children:`Invert`}),(0,V.jsx)(`button`,{type:`button`,className:`button`,onClick:()=>ee(()=>0),children:`Clear`}),(0,V.jsx)(`button`,{type:`button`,className:`button`,disabled:!m,title:`Ctrl+Z`,onClick:b,children:`Undo`})]}),(0,V.jsx)(`span`,{className:`grow`}),(0,V.jsx)(`button`,{type:`button`,className:`button button-main`,disabled:!o||g,onClick:()=>void x(),children:`Save the mask`}),(0,V.jsx)(`button`,{type:`button`,className:`icon-button`,"aria-label":`Close`,onClick:bs,children:(0,V.jsx)(X,{name:`close`})})]})]})}function Es(e,t){let{width:n,height:r}=e.canvas,i=e.getImageData(0,0,n,r);for(let e=0;e<i.data.length;e+=4)i.data[e]=25,i.data[e+1]=227,i.data[e+2]=255,i.data[e+3]=t(i.data[e+3]);e.putImageData(i,0,0)}var Ds=y()(()=>({open:null})),Os=(e,t=0)=>{Ds.setState({open:{files:e,at:t}})},ks={x:0,y:0,zoom:1};function As(){let e=Ds(e=>e.open);return e?(0,V.jsx)(js,{files:e.files,first:e.at},e.files.map(e=>e.filename).join()):null}function js({files:e,first:t}){let[n,r]=(0,S.useState)(t),[i,a]=(0,S.useState)(null),[o,s]=(0,S.useState)(.5),[c,l]=(0,S.useState)(ks),u=(0,S.useRef)(null);(0,S.useEffect)(()=>void u.current?.showModal(),[]);let d=()=>Ds.setState({open:null}),f=e[n],p=t=>{r(n=>(n+t+e.length)%e.length),l(ks)},m={transform:`translate(${c.x}px, ${c.y}px) scale(${c.zoom})`};return(0,V.jsxs)(`dialog`,{ref:u,className:`viewer`,"aria-label":f.filename,onClose:d,onKeyDown:e=>{e.stopPropagation(),e.key===`ArrowRight`&&p(1),e.key===`ArrowLeft`&&p(-1),(e.key===`+`||e.key===`=`)&&l(e=>({...e,zoom:e.zoom*1.25})),e.key===`-`&&l(e=>({...e,zoom:e.zoom/1.25})),e.key===`0`&&l(ks)},children:[(0,V.jsxs)(`div`,{className:`viewer-stage`,onWheel:e=>l(t=>({...t,zoom:Math.min(32,Math.max(.1,t.zoom*(e.deltaY<0?1.15:1/1.15)))})),onDoubleClick:()=>l(ks),onPointerDown:e=>e.currentTarget.setPointerCapture(e.pointerId),onPointerMove:e=>{if(e.buttons!==1)return;let{movementX:t,movementY:n}=e;if(i!==null&&!e.shiftKey){let t=e.currentTarget.getBoundingClientRect();s(Math.min(Math.max((e.clientX-t.left)/t.width,0),1))}else l(e=>({...e,x:e.x+t,y:e.y+n}))},children:[(0,V.jsx)(`img`,{src:W(f),alt:f.filename,style:{...m,imageRendering:c.zoom>2?`pixelated`:`auto`},draggable:!1}),i!==null&&(0,V.jsx)(`div`,{className:`viewer-over`,style:{clipPath:`inset(0 0 0 ${o*100}%)`},children:(0,V.jsx)(`img`,{src:W(e[i]),alt:e[i].filename,style:{...m,imageRendering:c.zoom>2?`pixelated`:`auto`},draggable:!1})}),i!==null&&(0,V.jsx)(`i`,{className:`viewer-split`,style:{left:`${o*100}%`}})]}),(0,V.jsxs)(`footer`,{children:[(0,V.jsx)(`span`,{className:`grow`,children:f.filename}),e.length>1&&(0,V.jsxs)(V.Fragment,{children:[(0,V.jsx)(`button`,{type:`button`,className:`button`,onClick:()=>p(-1),children:`Previous`}),(0,V.jsxs)(`span`,{children:[n+1,` of `,e.length]}),(0,V.jsx)(`button`,{type:`button`,className:`button`,onClick:()=>p(1),children:`Next`}),(0,V.jsx)(`button`,{type:`button`,className:`button`,"aria-pressed":i!==null,onClick:()=>a(t=>t===null?(n+1)%e.length:null),children:`Compare`})]}),(0,V.jsx)(`a`,{className:`button`,href:W(f),download:f.filename,children:`Save`}),(0,V.jsx)(`button`,{type:`button`,className:`icon-button`,"aria-label":`Close`,onClick:d,children:(0,V.jsx)(X,{name:`close`})})]})]})}function Ms(e,t){let n=t.trim().replace(`,`,`.`);if(e.kind===`int`&&/^[+-]?\d+$/.test(n))return Ps(e,BigInt(n));let r=Ns(n);return r===null?null:Ps(e,e.kind===`int`?BigInt(Math.round(r)):r)}function Ns(e){let t=e.match(/\d+\.?\d*(?:e[+-]?\d+)?|\.\d+|[-+*/()]/gi);if(!t||t.join(``)!==e.replace(/\s+/g,``))return null;let n=0,r=()=>{let e=i();for(;t[n]===`+`||t[n]===`-`;)e=t[n++]===`+`?e+i():e-i();return e},i=()=>{let e=a();for(;t[n]===`*`||t[n]===`/`;)e=t[n++]===`*`?e*a():e/a();return e},a=()=>{if(t[n]===`-`)return n++,-a();if(t[n]===`+`)return n++,a();if(t[n]===`(`){n++;let e=r();return t[n++]===`)`?e:NaN}return Number(t[n++]??NaN)},o=r();return n===t.length&&Number.isFinite(o)?o:null}function Ps(e,t){if(e.kind===`int`){let n=vt(t);return n<vt(e.min)?yt(vt(e.min)):yt(n>vt(e.max)?vt(e.max):n)}let n=Math.min(Math.max(Number(t),Number(e.min)),Number(e.max)),r=e.round??0;return Number(r>0?(Math.round(n/r)*r).toFixed(10):n.toFixed(10))}function Fs(e,t){if(typeof t==`bigint`)return String(t);if(typeof t!=`number`)return t==null?``:String(t);if(e.kind===`int`)return String(t);let n=Math.min(8,Math.max(1,Math.ceil(-Math.log10(e.round||e.step))));return t.toFixed(Number.isFinite(n)?n:2)}var Is={fixed:{icon:`lock`,label:`Keep`},increment:{icon:`plus`,label:`Add a step`},decrement:{icon:`chevron`,label:`Take a step off`},randomize:{icon:`dice`,label:`Draw a new one`},"increment-wrap":{icon:`redo`,label:`Next, from the start at the end`}};function Ls({row:e,setMode:t,wrap:n=!1}){if(!e.mode)return null;let r=Is[e.mode];return(0,V.jsx)(`button`,{type:`button`,className:`w-mode nodrag`,"data-mode":e.mode,title:`After each run: ${r.label.toLowerCase()}`,"aria-label":`${e.label} after each run: ${r.label}`,onClick:r=>Z(r.currentTarget.getBoundingClientRect(),ce.filter(e=>n||e!==`increment-wrap`).map(n=>({label:Is[n].label,checked:e.mode===n,run:()=>t(n)}))),children:(0,V.jsx)(X,{name:r.icon,size:12})})}var Rs=0;function zs({row:e,widget:t,disabled:n,set:r,setMode:i}){let[a,o]=(0,S.useState)(null),s=(0,S.useRef)(null),c=(0,S.useRef)(!1),l=e.value,u=typeof l==`bigint`||typeof l==`number`?l:0,d=(e,n)=>{r(Ps(t,t.kind===`int`?vt(u)+BigInt(Math.round(e*Math.max(1,t.step))):Number(u)+e*t.step),n)},f=()=>{let e=a===null?null:Ms(t,a);o(null),e!==null&&e!==l&&r(e)},p=e=>{if(e.button!==0||n)return;let i=e.currentTarget,a=e.clientX,s=u,d=`drag:${++Rs}`,f=!1,p=e=>{let n=e.clientX-a;if(!f&&Math.abs(n)<4)return;if(f=!0,t.display===`slider`){let{left:n,width:a}=i.getBoundingClientRect(),o=Math.min(Math.max((e.clientX-n)/a,0),1),s=Number(t.max)-Number(t.min);r(Ps(t,Number(t.min)+Math.round(o*s/t.step)*t.step),d);return}let o=Math.round(n/4*(e.shiftKey?10:1));r(Ps(t,t.kind===`int`?vt(s)+BigInt(o)*BigInt(Math.max(1,Math.round(t.step))):Number(s)+o*t.step),d)},m=()=>{removeEventListener(`pointermove`,p),removeEventListener(`pointerup`,m),f||(c.current=!1,o(Fs(t,l)))};addEventListener(`pointermove`,p),addEventListener(`pointerup`,m)},m=t.display===`slider`?(Number(u)-Number(t.min))/(Number(t.max)-Number(t.min)):null;return a===null?(0,V.jsxs)(`div`,{className:`w w-number nodrag`,"data-disabled":n||void 0,title:e.tooltip||void 0,children:[m!==null&&(0,V.jsx)(`i`,{className:`w-fill`,style:{width:`${Math.max(0,Math.min(1,m))*100}%`}}),(0,V.jsxs)(`div`,{ref:s,className:`w-face`,role:`spinbutton`,tabIndex:n?-1:0,"aria-label":e.label,"aria-disabled":n||void 0,"aria-valuenow":Number(u),"aria-valuetext":Fs(t,l),onPointerDown:p,onKeyDown:r=>{if(n||r.ctrlKey||r.metaKey||r.altKey)return;let i=r.shiftKey?10:1;if(r.key===`ArrowUp`||r.key===`ArrowRight`)d(i,`step:${e.key}`);else if(r.key===`ArrowDown`||r.key===`ArrowLeft`)d(-i,`step:${e.key}`);else if(r.key===`Enter`||r.key===`F2`||/^[-.\d]$/.test(r.key))c.current=r.key.length===1,o(c.current?r.key:Fs(t,l));else return;r.preventDefault(),r.stopPropagation()},children:[(0,V.jsx)(`span`,{className:`w-label`,children:e.label}),(0,V.jsx)(`span`,{className:`w-value`,children:n?``:Fs(t,l)})]}),!n&&(0,V.jsx)(Ls,{row:e,setMode:i})]}):(0,V.jsx)(`div`,{className:`w w-typing nodrag`,children:(0,V.jsx)(`input`,{className:`nowheel`,"aria-label":e.label,autoFocus:!0,value:a,inputMode:`decimal`,onFocus:e=>c.current||e.currentTarget.select(),onChange:e=>o(e.target.value),onBlur:f,onKeyDown:e=>{e.stopPropagation(),e.key===`Enter`&&(f(),requestAnimationFrame(()=>document.activeElement===document.body&&s.current?.focus())),e.key===`Escape`&&o(null)}})})}var Bs=e=>e==null?``:Array.isArray(e)?e.join(`, `):String(e),Vs=e=>e.replace(/\.(safetensors|ckpt|gguf|sft|pt|pth|bin)$/i,``),Hs=e=>typeof e==`string`&&/ \[(input|output|temp)\]$/.test(e);function Us(e,t){let[,n=e,r=t]=/^(.*?)(?: \[(input|output|temp)\])?$/.exec(e)??[],i=n.lastIndexOf(`/`);return{filename:n.slice(i+1),subfolder:i<0?``:n.slice(0,i),type:r}}function Ws({row:e,widget:t,disabled:n,set:r,setMode:i}){let a=(0,S.useRef)(null),o=Bs(e.value),s=t.multiselect||Hs(e.value)||t.options.some(t=>t===e.value),c=n=>Mo(n.getBoundingClientRect(),(0,V.jsx)(Gs,{row:e.value,widget:t,label:e.label,width:n.offsetWidth,choose:r})),l=n=>{let i=t.options.findIndex(t=>t===e.value),a=t.options[Math.min(Math.max(i+n,0),t.options.length-1)];a!==void 0&&a!==e.value&&r(a,`step:${e.key}`)};return(0,V.jsxs)(`div`,{className:`w w-combo nodrag`,"data-disabled":n||void 0,"data-unknown":!s&&!n||void 0,title:e.tooltip||void 0,children:[(0,V.jsxs)(`button`,{type:`button`,className:`w-face`,role:`combobox`,"aria-expanded":!1,"aria-haspopup":`listbox`,"aria-label":`${e.label}: ${o}`,disabled:n,onClick:e=>c(e.currentTarget.parentElement??e.currentTarget),onKeyDown:e=>{(e.key===`ArrowDown`||e.key===`ArrowUp`)&&(e.preventDefault(),e.stopPropagation(),l(e.key===`ArrowDown`?1:-1))},children:[(0,V.jsx)(`span`,{className:`w-label`,children:e.label}),(0,V.jsx)(`span`,{className:`w-value`,title:s?o:`${o} is not on this server`,children:n?``:Vs(o)}),!n&&(0,V.jsx)(X,{name:`chevron`,size:12})]}),!n&&(0,V.jsx)(Ls,{row:e,setMode:i,wrap:!0}),t.upload&&!n&&(0,V.jsxs)(V.Fragment,{children:[(0,V.jsx)(`button`,{type:`button`,className:`w-mode`,"aria-label":`Upload ${t.upload}`,title:`Upload ${t.upload}`,onClick:()=>a.current?.click(),children:(0,V.jsx)(X,{name:`upload`,size:12})}),(0,V.jsx)(`input`,{ref:a,type:`file`,hidden:!0,accept:`${t.upload}/*`,onChange:async e=>{let[t]=e.target.files??[];if(e.target.value=``,t)try{let e=await Ri(t);await za(),r(e)}catch(e){K(e)}}})]})]})}function Gs({row:e,widget:t,label:n,width:r,choose:i}){let[a,o]=(0,S.useState)(``),[s,c]=(0,S.useState)(t.multiselect&&Array.isArray(e)?e:[]),l=(0,S.useMemo)(()=>on(a,t.options,e=>[Bs(e)]),[a,t]),[u,d]=(0,S.useState)(()=>Math.max(0,t.options.findIndex(t=>t===e))),f=(0,S.useRef)(null);(0,S.useEffect)(()=>{f.current?.children[u]?.scrollIntoView({block:`nearest`})},[u,l]);let p=n=>{if(n!==void 0){if(t.multiselect){let e=s.includes(n)?s.filter(e=>e!==n):[...s,n];c(e),i(e)}else No(),n!==e&&i(n)}};return(0,V.jsxs)(`div`,{className:`choices`,style:{minWidth:Math.max(r,200)},children:[(0,V.jsx)(`input`,{autoFocus:!0,type:`search`,role:`combobox`,"aria-expanded":!0,"aria-controls":`choices`,"aria-activedescendant":`choice-${u}`,"aria-label":`Search ${n}`,placeholder:`Search`,value:a,onChange:e=>{o(e.target.value),d(0)},onKeyDown:e=>{if(e.key===`ArrowDown`)d(e=>Math.min(e+1,l.length-1));else if(e.key===`ArrowUp`)d(e=>Math.max(e-1,0));else if(e.key===`Enter`)p(l[u]);else return;e.preventDefault()}}),(0,V.jsx)(`div`,{className:`choices-list`,role:`listbox`,id:`choices`,"aria-label":n,ref:f,children:l.slice(0,500).map((n,r)=>(0,V.jsxs)(`div`,{id:`choice-${r}`,role:`option`,"aria-selected":t.multiselect?s.includes(n):n===e,"data-at":r===u||void 0,onPointerMove:()=>d(r),onClick:()=>p(n),children:[t.upload===`image`&&(0,V.jsx)(`img`,{loading:`lazy`,alt:``,src:W(Us(Bs(n),t.folder))}),(0,V.jsx)(`span`,{children:Bs(n)})]},r))}),!l.length&&(0,V.jsx)(`p`,{className:`empty`,children:t.options.length?`Nothing is called so.`:`There is nothing to choose from on this server.`})]})}function Ks(e){let t=e.rows.find(e=>e.widget.kind===`combo`&&e.widget.upload===`image`);return t?.widget.kind!==`combo`||typeof t.value!=`string`||t.value===``||t.socket?.linked?null:{file:Us(t.value,t.widget.folder),row:t.key}}var qs=e=>Ks(e.face)?.file??null;function Js({data:e,run:t,style:n}){let[r,i]=(0,S.useState)(0),[a,o]=(0,S.useState)(``),s=qs(e),c=t.images.length?t.images:s?[s]:[],l=c[Math.min(r,c.length-1)];if((0,S.useEffect)(()=>i(0),[t.images]),t.preview)return(0,V.jsx)(`div`,{className:`preview`,style:n,children:(0,V.jsx)(`img`,{src:t.preview,alt:`Preview of what is being made`,draggable:!1})});let u=t.media[0];return u?(0,V.jsx)(`div`,{className:`preview nodrag`,style:n,children:u.kind===`video`?(0,V.jsx)(`video`,{src:W(u.file),controls:!0,loop:!0,muted:!0}):(0,V.jsx)(`audio`,{src:W(u.file),controls:!0})}):l?(0,V.jsxs)(`div`,{className:`preview`,style:n,children:[(0,V.jsx)(`img`,{src:W(l,t.images.length?l.filename:void 0),alt:l.filename,draggable:!1,onLoad:e=>o(`${e.currentTarget.naturalWidth} × ${e.currentTarget.naturalHeight}`),onDoubleClick:e=>{e.stopPropagation(),Os(c,r)}}),(0,V.jsxs)(`footer`,{children:[c.length>1&&(0,V.jsxs)(`button`,{type:`button`,className:`nodrag`,"aria-label":`Next picture`,onClick:()=>i(e=>(e+1)%c.length),children:[r+1,` of `,c.length]}),(0,V.jsx)(`span`,{children:a}),(0,V.jsx)(`button`,{type:`button`,className:`nodrag`,"aria-label":`View`,title:`View (double-click)`,onClick:()=>Os(c,r),children:(0,V.jsx)(X,{name:`fit`,size:12})})]})]}):t.text===null?null:(0,V.jsx)(`div`,{className:`preview preview-text nodrag nowheel`,style:n,tabIndex:0,children:t.text})}function Q(e,t={}){let n=us.find(t=>t.id===e),r=ms(e);return{label:n.title,...r?{keys:r}:{},run:()=>fs(e),...t}}var Ys=e=>({x:e.clientX,y:e.clientY});function Xs(e,t){let n=``;B((r,i)=>{let a=At(I.getState().catalog,e,t,Ot(r),r);return n=String(a.id),Et(r,i,a)}),Cn({nodes:[n]})}function Zs(e,t){let n={branches:new Map,nodes:[]};for(let{type:t,title:r,category:i}of e){let e=n;for(let t of i.split(`/`).filter(Boolean))e.branches.has(t)||e.branches.set(t,{branches:new Map,nodes:[]}),e=e.branches.get(t);e.nodes.push({type:t,title:r})}let r=e=>[...[...e.branches].sort(([e],[t])=>e.localeCompare(t)).map(([e,t])=>({label:e,items:()=>r(t)})),...e.nodes.sort((e,t)=>e.title.localeCompare(t.title)).map(e=>({label:e.title,run:()=>t(e.type)}))];return r(n)}var Qs=()=>[...I.getState().catalog.specs.values()].map(({class:e,title:t,category:n})=>({type:e,title:t,category:n}));function $s(e){Z({x:e.screen[0],y:e.screen[1]},[{label:`Search for a node…`,run:()=>I.setState({add:e})},`-`,...Zs(Ln(I.getState().catalog,e.link),t=>Hn(t,e))])}function ec(e){let t=Xo([e.clientX,e.clientY]),n=bo();Z(Ys(e),[Q(`add`),{label:`Add from category`,items:()=>Zs(Qs(),e=>Xs(e,t))},{label:`Add`,items:()=>[{label:`Note`,run:()=>Xs(`MarkdownNote`,t)},{label:`Reroute`,run:()=>Xs(`Reroute`,t)},{label:`Primitive`,run:()=>Xs(`PrimitiveNode`,t)}]},`-`,{label:`Paste`,keys:`Ctrl+V`,disabled:n===null,run:()=>n!==null&&void yo(n,t,!1)},Q(`all`),Q(`arrange`,{label:`Arrange all`}),`-`,Q(`fit`),Q(`group`,{disabled:I.getState().selection.nodes.length===0})])}function tc(e){let t=I.getState(),n=t.selection.nodes,r=z(t),i=n.length===1?r.nodes.get(n[0]):void 0,a=i?Ks(N(R(t),r,i,t.catalog)):null,o=i!==void 0&&Te(R(t),i)===`subgraph`;Z(Ys(e),[...i&&o?[{label:`Open`,run:()=>Dn({node:String(i.id),layer:i.type})},Q(`unpack`)]:[],...a&&i?[{label:`Edit the mask`,run:()=>ys(a.file,e=>B((n,r)=>F(n,r,[O(i)],r=>ht(n,r,t.catalog,a.row,e))))}]:[],...i?[Q(`rename`),{label:`About this node`,keys:`I`,run:()=>I.setState({side:`node`})}]:[],...i?nc(O(i)):[],...o&&i?[{label:`Keep for other workflows...`,run:()=>void Ha(O(i))}]:[],...i?[Q(`link`)]:[],Q(`run-selected`),`-`,Q(`bypass`),Q(`mute`),Q(`collapse`),Q(`pin`),{label:`Colour`,items:()=>[{label:`None`,run:()=>B((e,t)=>Ht(e,t,n,null))},...Fn.map(e=>({label:e.name,colour:e.body,run:()=>B((t,r)=>Ht(t,r,n,e))}))]},...n.length>1?[{label:`Align`,items:()=>[`align-left`,`align-right`,`align-top`,`align-bottom`,`spread-columns`,`spread-rows`,`arrange`].map(e=>Q(e))}]:[],`-`,Q(`copy`),Q(`duplicate`),Q(`group`),Q(`subgraph`),`-`,Q(`dissolve`),Q(`delete`,{danger:!0})])}function nc(e){let t=I.getState(),n=hn(L(t)),r=pi(R(t),n,e,t.catalog);return r.length?[{label:`Show outside`,items:()=>r.map(({row:n,slot:r})=>({label:n.label,checked:r!==null,run:()=>B((i,a)=>r===null?mi(i,a,e,n):ui(i,a,`inputs`,r,t.catalog))}))}]:[]}function rc(e,t){Z(Ys(e),[{label:`Add a reroute point`,run:()=>B((e,n)=>qt(e,n,t,Xo(Qo())))},{label:`Remove the link`,danger:!0,run:()=>B((e,n)=>Ft(e,n,[t]))}])}var ic=[[`Blue`,`#3f789e`],[`Purple`,`#a1309b`],[`Orange`,`#b06634`],[`Green`,`#3f9e5c`],[`Moss`,`#88aa88`],[`Yellow`,`#b58b2a`],[`Red`,`#aa3333`],[`Grey`,`#444444`]];function ac(e,t){let n=z(I.getState()),r=n.groups.find(e=>e.id===t);if(!r)return;let i=Kt(n,r.bounding),a=i.flatMap(e=>n.nodes.get(e)??[]);Z(Ys(e),[{label:`Select its nodes`,run:()=>Cn({nodes:i,groups:[t]})},{label:`Fit to its nodes`,disabled:!a.length,run:()=>{let e=Math.min(...a.map(e=>e.pos[0]))-16,n=Math.min(...a.map(e=>e.pos[1]))-80,r=Math.max(...a.map(e=>e.pos[0]+e.size[0]))+16,i=Math.max(...a.map(e=>e.pos[1]+e.size[1]))+16;B((a,o)=>Wt(a,o,t,{bounding:[e,n,r-e,i-n]}))}},{label:`Bypass its nodes`,run:()=>B((e,t)=>zt(e,t,i,E.Bypassed))},{label:`Mute its nodes`,run:()=>B((e,t)=>zt(e,t,i,E.Muted))},{label:`Colour`,items:()=>ic.map(([e,n])=>({label:e,colour:n,run:()=>B((e,r)=>Wt(e,r,t,{color:n}))}))},`-`,{label:`Remove the group`,danger:!0,run:()=>B((e,n)=>Gt(e,n,[t]))}])}function oc({side:e,id:t,type:n,y:r,linked:i,label:a,bad:o,small:c,isList:l}){let f=u(),p=d(),h=(e,t,n)=>{let r=p.getState();e.stopPropagation(),s.onPointerDown(e.nativeEvent,{autoPanOnConnect:r.autoPanOnConnect,connectionMode:r.connectionMode,connectionRadius:r.connectionRadius,domNode:r.domNode,handleId:t.handle,nodeId:t.node,nodeLookup:r.nodeLookup,isTarget:t.side===`input`,edgeUpdaterType:t.side===`input`?`target`:`source`,lib:r.lib,flowId:r.rfId,cancelConnection:r.cancelConnection,panBy:r.panBy,isValidConnection:e=>p.getState().isValidConnection?.(e)??!0,updateConnection:r.updateConnection,getTransform:()=>p.getState().transform,getFromHandle:()=>p.getState().connection.fromHandle,autoPanSpeed:r.autoPanSpeed,dragThreshold:2,handleDomNode:e.currentTarget,...n})},g=e=>{let n=p.getState(),r=n.edges.filter(e=>e.source===f&&e.sourceHandle===t),[i]=r;i&&h(e,{node:i.target,handle:i.targetHandle??null,side:`input`},{onConnect:e=>{let n=kn(e.source,e.sourceHandle);if(!n||e.source===f&&e.sourceHandle===t)return;let a=`relink:${i.id}`;for(let t of r){let r=kn(t.target,t.targetHandle);r&&t.target!==e.source&&M(n.type,r.type)&&An(n,r,a)}bn()},onConnectStart:n.onConnectStart,onConnectEnd:ko})};return(0,V.jsx)(m,{id:t,type:e===`input`?`target`:`source`,position:e===`input`?x.Left:x.Right,className:c?`slot slot-small nokey`:`slot nokey`,style:{top:r,color:Pn(n)},"data-side":e,"data-type":n,"data-linked":i||void 0,"data-bad":o||void 0,"data-list":l||void 0,title:`${a} · ${n}`,onMouseDownCapture:n=>{if(e===`output`&&i&&n.button===0&&n.shiftKey)return g(n);if(e!==`input`||!i||n.button!==0||n.shiftKey)return;let r=p.getState(),a=r.edges.find(e=>e.target===f&&e.targetHandle===t);a&&h(n,{node:a.source,handle:a.sourceHandle??null,side:`output`},{onConnect:e=>{if(e.target===f&&e.targetHandle===t)return;let n=kn(e.source,e.sourceHandle),r=kn(e.target,e.targetHandle);if(!n||!r)return;let i=`relink:${a.id}`;B((e,t)=>Ft(e,t,[Number(a.id)]),i),An(n,r,i),bn()},onConnectStart:(e,t)=>{Do.setState({link:a.id}),r.onConnectStart?.(e,t)},onConnectEnd:(e,t)=>{if(Do.setState({link:null}),ko(),t.toHandle)return;let n=`relink:${a.id}`;B((e,t)=>Ft(e,t,[Number(a.id)]),n);let r=`changedTouches`in e?e.changedTouches[0]:e,i=r&&document.elementFromPoint(r.clientX,r.clientY)?.closest(`.react-flow__node-node`),o=kn(a.source,a.sourceHandle);o&&i?.dataset.id&&i.dataset.id!==f&&Mn(o,i.dataset.id,n),bn()}})}})}var sc={title:30,row:20,width:140},cc=(0,S.memo)(function({data:{side:e,ports:t}}){let n=e===`input`?`output`:`input`,r=n===`output`?`out`:`in`,i=e=>sc.title+6+e*sc.row+sc.row/2,a=(n,r)=>{n.preventDefault(),n.stopPropagation();let i=t[r];Z({x:n.clientX,y:n.clientY},[{label:`Rename...`,run:()=>void ra(`Name of the socket`,i.label??i.name,`Rename`).then(t=>t?.trim()&&B((n,i)=>tn(n,i,e===`input`?`inputs`:`outputs`,r,t.trim())))},{label:`Remove`,danger:!0,run:()=>B((t,n)=>ui(t,n,e===`input`?`inputs`:`outputs`,r,I.getState().catalog))}])};return(0,V.jsxs)(`div`,{className:`node ends`,"data-side":e,children:[(0,V.jsx)(`header`,{className:`node-title`,children:(0,V.jsx)(`span`,{className:`node-name`,children:e===`input`?`Inputs`:`Outputs`})}),t.map((e,t)=>(0,V.jsxs)(`div`,{onContextMenu:e=>a(e,t),children:[(0,V.jsx)(oc,{side:n,id:`${r}:${t}`,type:j(e.type),y:i(t),linked:e.linkIds.length>0,label:e.label??e.name}),(0,V.jsx)(`span`,{className:n===`output`?`slot-label slot-label-out`:`slot-label`,style:{top:i(t)},children:e.label??e.name})]},e.id)),(0,V.jsx)(oc,{side:n,id:`${r}:${t.length}`,type:`*`,y:i(t.length),linked:!1,label:`New`}),(0,V.jsx)(`span`,{className:`slot-label ${n===`output`?`slot-label-out`:``} slot-new`,style:{top:i(t.length)},children:`new`})]})},(e,t)=>e.data===t.data),lc=0,uc=(0,S.memo)(function({data:{group:e},selected:t}){let[n,r]=(0,S.useState)(!1);return(0,V.jsxs)(`div`,{className:`group`,"data-selected":t||void 0,style:{"--group":e.color??`#3f789e`},children:[(0,V.jsx)(`header`,{className:`group-title`,onDoubleClick:e=>{e.stopPropagation(),r(!0)},children:n?(0,V.jsx)(`input`,{className:`nodrag`,"aria-label":`Title of the group`,autoFocus:!0,defaultValue:e.title,onFocus:e=>e.currentTarget.select(),onBlur:t=>{let n=t.target.value.trim();r(!1),n&&n!==e.title&&B((t,r)=>Wt(t,r,e.id,{title:n}))},onKeyDown:e=>{e.stopPropagation(),(e.key===`Enter`||e.key===`Escape`)&&e.currentTarget.blur()}}):e.title}),(0,V.jsx)(`i`,{className:`node-corner nodrag`,onPointerDown:t=>{t.stopPropagation();let[n,r,i,a]=e.bounding,o=t.currentTarget.closest(`.react-flow__node`).getBoundingClientRect().width/i,s=`group:${e.id}:${++lc}`,[c,l]=[t.clientX,t.clientY],u=t=>B((s,u)=>Wt(s,u,e.id,{bounding:[n,r,Math.max(140,i+(t.clientX-c)/o),Math.max(80,a+(t.clientY-l)/o)]}),s);addEventListener(`pointermove`,u),addEventListener(`pointerup`,()=>{removeEventListener(`pointermove`,u),bn()},{once:!0})}})]})},(e,t)=>e.data===t.data&&e.selected===t.selected);function dc(e,n){let i={...n,sourcePosition:x.Right,targetPosition:x.Left};return e===`straight`?t(n)[0]:e===`step`?r({...i,borderRadius:8})[0]:re({...i,curvature:.35})[0]}var fc=(0,S.memo)(function(e){let{id:t,data:n,selected:r}=e,i=Y(e=>e.links),a=Do(e=>e.link===t),o=f(e=>n?.points.map(t=>e.nodeLookup.get(t)?.internals.positionAbsolute),(e,t)=>e===t||e?.length===t?.length&&(e??[]).every((e,n)=>e?.x===t?.[n]?.x&&e?.y===t?.[n]?.y));if(i===`hidden`&&!r)return null;let s=(o??[]).flatMap(e=>e?[{x:e.x+6,y:e.y+6}]:[]),l=``,u={x:e.sourceX,y:e.sourceY};for(let t of[...s,{x:e.targetX,y:e.targetY}])l+=dc(i,{sourceX:u.x,sourceY:u.y,targetX:t.x,targetY:t.y}),u=t;return(0,V.jsx)(c,{id:t,path:l,interactionWidth:14,className:`link`,style:{stroke:Pn(n?.type??`*`),opacity:a?.15:n?.muted?.35:void 0}})}),pc=200,mc=132;function hc(){let e=d(),t=(0,S.useRef)(null),n=(0,S.useRef)({x:0,y:0,by:1});(0,S.useEffect)(()=>{let r=0,i=()=>{r=0;let i=t.current?.getContext(`2d`);if(!i||!t.current)return;let{nodes:a,transform:o,width:s,height:c}=e.getState(),l={x:-o[0]/o[2],y:-o[1]/o[2],width:s/o[2],height:c/o[2]},[u,d,f,p]=[l.x,l.y,l.x+l.width,l.y+l.height];for(let e of a)u=Math.min(u,e.position.x),d=Math.min(d,e.position.y),f=Math.max(f,e.position.x+(e.width??0)),p=Math.max(p,e.position.y+(e.height??0));let m=Math.min(pc/(f-u),mc/(p-d))*.94;n.current={x:(u+f)/2-pc/2/m,y:(d+p)/2-mc/2/m,by:m};let h=devicePixelRatio||1;t.current.width!==pc*h&&(t.current.width=pc*h,t.current.height=mc*h);let g=getComputedStyle(t.current),_=g.getPropertyValue(`--map-node`),v=g.getPropertyValue(`--accent`);i.setTransform(h,0,0,h,0,0),i.clearRect(0,0,pc,mc);let y=e=>[(e.x-n.current.x)*m,(e.y-n.current.y)*m,Math.max(1.5,e.width*m),Math.max(1.5,e.height*m)];for(let e of a){let t=y({...e.position,width:e.width??0,height:e.height??0});e.type===`group`?(i.fillStyle=e.data.group.color??`#3f789e`,i.globalAlpha=.25):(i.fillStyle=e.selected?v:e.type===`node`&&e.data.node.bgcolor?e.data.node.bgcolor:_,i.globalAlpha=1),i.fillRect(...t)}i.globalAlpha=1,i.strokeStyle=v,i.lineWidth=1;let[b,ee,te,x]=y(l);i.strokeRect(b+.5,ee+.5,te-1,x-1)},a=()=>{r||=requestAnimationFrame(i)};a();let o=e.subscribe((e,t)=>{(e.nodes!==t.nodes||e.transform!==t.transform||e.width!==t.width)&&a()});return()=>{o(),cancelAnimationFrame(r)}},[e]);let r=e=>{let{left:t,top:r}=e.currentTarget.getBoundingClientRect();Jo([n.current.x+(e.clientX-t)/n.current.by,n.current.y+(e.clientY-r)/n.current.by])};return(0,V.jsx)(`div`,{className:`minimap`,children:(0,V.jsx)(`canvas`,{ref:t,role:`img`,"aria-label":`Map of the workflow`,style:{width:pc,height:mc},onPointerDown:e=>{e.currentTarget.setPointerCapture(e.pointerId),r(e)},onPointerMove:e=>e.buttons===1&&r(e)})})}function gc({row:e,widget:t,disabled:n,set:r}){let i=t.kind!==`color`,a=i?`#${Math.max(0,Math.min(16777215,Math.round(Number(e.value??0)))).toString(16).padStart(6,`0`)}`:String(e.value??t.default);return(0,V.jsxs)(`label`,{className:`w w-colour nodrag`,title:e.tooltip||void 0,children:[(0,V.jsx)(`span`,{className:`w-label`,children:e.label}),(0,V.jsx)(`span`,{className:`w-value`,children:a}),(0,V.jsx)(`input`,{type:`color`,"aria-label":e.label,disabled:n,value:/^#[0-9a-f]{6}$/i.test(a)?a:`#000000`,onChange:t=>r(i?Number.parseInt(t.target.value.slice(1),16):t.target.value,`colour:${e.key}`)})]})}var _c=[[0,0],[1,1]];function vc(e){let t=w(e)?e.points:e,n=(Array.isArray(t)?t:[]).flatMap(e=>{let[t,n]=Array.isArray(e)?e:[];return typeof t==`number`&&typeof n==`number`?[[t,n]]:[]}),r=w(e)&&typeof e.interpolation==`string`?e.interpolation:`monotone_cubic`;return{points:n.length?[...n].sort((e,t)=>e[0]-t[0]):_c,interpolation:r}}var yc=(e,t,n)=>Math.min(Math.max(e,t),n),bc=e=>Math.round(e*1e4)/1e4;function xc(e,t,[n,r]){let i=t>0?e[t-1][0]+.001:0,a=t+1<e.length?e[t+1][0]-.001:1;return e.map((e,o)=>o===t?[bc(yc(n,i,Math.max(i,a))),bc(yc(r,0,1))]:e)}function Sc(e){let t=e.slice(1).map(([t,n],r)=>(n-e[r][1])/Math.max(t-e[r][0],1e-9));return e.map((e,n)=>{let r=t[n-1],i=t[n];return r===void 0||i===void 0?r??i??0:r*i<=0?0:2*r*i/(r+i)})}function Cc({points:e,interpolation:t}){let n=(e,t)=>`${(e*100).toFixed(2)} ${(100-t*100).toFixed(2)}`,[r,i]=[e[0],e.at(-1)],a=t===`linear`?null:Sc(e),o=`M${n(0,r[1])}L${n(...r)}`;return e.slice(1).forEach(([t,r],i)=>{let[s,c]=e[i],l=(t-s)/3;o+=a?`C${n(s+l,c+a[i]*l)} ${n(t-l,r-a[i+1]*l)} ${n(t,r)}`:`L${n(t,r)}`}),`${o}L${n(1,i[1])}`}var wc=[`x`,`y`,`width`,`height`],Tc=e=>typeof e==`number`||typeof e==`bigint`?Number(e):0;function Ec(e,t){return e.what===`box`&&w(t)?`${Tc(t.x)}, ${Tc(t.y)} · ${Tc(t.width)} × ${Tc(t.height)}`:e.what===`curve`?`${vc(t).points.length} points`:Array.isArray(t)?`${t.length} ${t.length===1?`entry`:`entries`}`:se(t??null)}function Dc(e){let{row:t,widget:n,disabled:r}=e,i=t.value??n.default,a=Ec(n,i);return(0,V.jsxs)(`button`,{type:`button`,className:`w w-text w-drawn nodrag`,disabled:r,title:t.tooltip||void 0,"aria-label":`${t.label}: ${a}`,"aria-haspopup":`dialog`,onClick:t=>Mo(t.currentTarget.getBoundingClientRect(),(0,V.jsx)(Oc,{...e})),children:[(0,V.jsx)(`span`,{className:`w-label`,children:t.label}),!r&&(0,V.jsx)(`span`,{className:`w-value`,children:a}),!r&&n.what===`curve`&&(0,V.jsx)(`svg`,{className:`w-curve`,viewBox:`0 0 100 100`,preserveAspectRatio:`none`,"aria-hidden":!0,children:(0,V.jsx)(`path`,{d:Cc(vc(i))})})]})}function Oc({row:e,widget:t,set:n}){let[r,i]=(0,S.useState)(e.value??t.default),a=(t,r)=>{i(t),n(t,r??`drawn:${e.key}`)};return(0,V.jsx)(`div`,{className:`drawn`,role:`dialog`,"aria-label":e.label,children:t.what===`curve`?(0,V.jsx)(Ac,{value:r,change:a}):t.what===`box`?(0,V.jsx)(jc,{value:r,change:a}):(0,V.jsx)(Mc,{label:e.label,value:r,change:a})})}var kc={ArrowLeft:[-1,0],ArrowRight:[1,0],ArrowUp:[0,1],ArrowDown:[0,-1]};function Ac({value:e,change:t}){let n=vc(e),r=(0,S.useRef)(null),i=r=>t({...w(e)?e:{},points:r,interpolation:n.interpolation}),a=e=>{let t=r.current.getBoundingClientRect();return[(e.clientX-t.left)/t.width,1-(e.clientY-t.top)/t.height]},o=e=>t=>{t.button===0&&(t.stopPropagation(),t.currentTarget.setPointerCapture(t.pointerId),t.currentTarget.focus(),t.currentTarget.dataset.held=String(e))};return(0,V.jsxs)(V.Fragment,{children:[(0,V.jsxs)(`svg`,{ref:r,className:`curve`,viewBox:`0 0 100 100`,"aria-label":`Curve. Double-click adds a point.`,onDoubleClick:e=>{let t=a(e);e.target.closest(`circle`)||i([...n.points,t].sort((e,t)=>e[0]-t[0]))},children:[(0,V.jsx)(`path`,{className:`curve-grid`,d:`M25 0V100M50 0V100M75 0V100M0 25H100M0 50H100M0 75H100`}),(0,V.jsx)(`path`,{className:`curve-line`,d:Cc(n)}),n.points.map(([e,t],r)=>(0,V.jsx)(`circle`,{cx:e*100,cy:100-t*100,r:2.6,role:`slider`,tabIndex:0,"aria-label":`Point ${r+1}`,"aria-valuenow":Math.round(t*100)/100,"aria-valuemin":0,"aria-valuemax":1,"aria-valuetext":`${e.toFixed(2)}, ${t.toFixed(2)}`,onPointerDown:o(r),onPointerMove:e=>e.currentTarget.dataset.held!==void 0&&i(xc(n.points,r,a(e))),onPointerUp:e=>{delete e.currentTarget.dataset.held,bn()},onKeyDown:a=>{let o=kc[a.key],[s,c]=o??[0,0],l=a.shiftKey?.1:.01;if(o)i(xc(n.points,r,[e+s*l,t+c*l]));else if((a.key===`Delete`||a.key===`Backspace`)&&n.points.length>2)i(n.points.filter((e,t)=>t!==r));else return;a.preventDefault(),a.stopPropagation()}},r))]}),(0,V.jsxs)(`label`,{className:`drawn-row`,children:[(0,V.jsx)(`span`,{children:`Between points`}),(0,V.jsxs)(`select`,{value:n.interpolation,onChange:r=>t({...w(e)?e:{},points:n.points,interpolation:r.target.value}),children:[(0,V.jsx)(`option`,{value:`monotone_cubic`,children:`smooth`}),(0,V.jsx)(`option`,{value:`linear`,children:`straight`}),![`monotone_cubic`,`linear`].includes(n.interpolation)&&(0,V.jsx)(`option`,{children:n.interpolation})]})]}),(0,V.jsxs)(`div`,{className:`drawn-row`,children:[(0,V.jsx)(`button`,{type:`button`,className:`button`,onClick:()=>i([...n.points,[.5,.5]].sort((e,t)=>e[0]-t[0])),children:`Add a point`}),(0,V.jsx)(`button`,{type:`button`,className:`button`,onClick:()=>i([[0,0],[1,1]]),children:`Straighten`})]})]})}function jc({value:e,change:t}){let n=w(e)?e:{};return(0,V.jsx)(`div`,{className:`drawn-box`,children:wc.map(e=>(0,V.jsxs)(`label`,{children:[(0,V.jsx)(`span`,{children:e}),(0,V.jsx)(`input`,{type:`number`,min:e===`x`||e===`y`?void 0:1,step:1,value:Tc(n[e]),onChange:r=>t({...n,[e]:Math.round(r.target.valueAsNumber)||0}),onBlur:()=>bn()})]},e))})}function Mc({label:e,value:t,change:n}){let[r,i]=(0,S.useState)(()=>se(t,2)),[a,o]=(0,S.useState)(null);return(0,V.jsxs)(V.Fragment,{children:[(0,V.jsx)(`textarea`,{"aria-label":e,"aria-invalid":a!==null,rows:10,cols:40,spellCheck:!1,value:r,onChange:e=>{i(e.target.value);try{n(C(e.target.value)),o(null)}catch(e){o(e instanceof Error?e.message:String(e))}},onBlur:()=>bn()}),a!==null&&(0,V.jsx)(`p`,{role:`alert`,children:a})]})}function Nc(e,t,n,r){if(t===n){for(;t>0&&!/[\s,.()[\]{}]/.test(e[t-1]);)t--;for(;n<e.length&&!/[\s,.()[\]{}:]/.test(e[n]);)n++}for(;n>t&&e[n-1]===` `;)n--;if(t===n)return{text:e,start:t,end:n};let i=e.slice(t,n),a=1,[o,s]=[t,n],c=/^\(([\s\S]*):(-?\d*\.?\d+)\)$/.exec(i),l=e[t-1]===`(`?/^:(-?\d*\.?\d+)\)/.exec(e.slice(n)):null;c?(i=c[1],a=Number(c[2])):l&&(o=t-1,s=n+l[0].length,a=Number(l[1]));let u=Math.round((a+r)*100)/100,d=u===1?i:`(${i}:${u.toFixed(2)})`,f=o+(u===1?0:1);return{text:e.slice(0,o)+d+e.slice(s),start:f,end:f+i.length}}var Pc=/`([^`\n]+)`|\*\*(.+?)\*\*|__(.+?)__|\*([^*\s](?:[^*\n]*[^*\s])?)\*|!?\[([^\]\n]*)\]\(([^)\s]+)[^)\n]*\)|(https?:\/\/[^\s<>()]+)/g,Fc=4;function Ic(e,t=0){if(t>Fc)return[e];let n=[],r=0;for(let i of e.matchAll(Pc)){let[a,o,s,c,l,u,d,f]=i;n.push(e.slice(r,i.index)),r=i.index+a.length;let p=d??f,m=i.index;o===void 0?s!==void 0||c!==void 0?n.push((0,V.jsx)(`b`,{children:Ic(s??c??``,t+1)},m)):l===void 0?p!==void 0&&/^https?:\/\//.test(p)?n.push((0,V.jsx)(`a`,{href:p,target:`_blank`,rel:`noreferrer`,onPointerUp:e=>e.stopPropagation(),onKeyDown:e=>e.stopPropagation(),children:u?Ic(u,t+1):p},m)):n.push(u||a):n.push((0,V.jsx)(`em`,{children:Ic(l,t+1)},m)):n.push((0,V.jsx)(`code`,{children:o},m))}return n.push(e.slice(r)),n}var Lc=e=>e.map((e,t)=>(0,V.jsxs)(S.Fragment,{children:[t>0&&(0,V.jsx)(`br`,{}),Ic(e)]},t)),Rc=[[/^\s*[-*+] +/,e=>(0,V.jsx)(`ul`,{children:e.map((e,t)=>(0,V.jsx)(`li`,{children:Ic(e)},t))})],[/^\s*\d+[.)] +/,e=>(0,V.jsx)(`ol`,{children:e.map((e,t)=>(0,V.jsx)(`li`,{children:Ic(e)},t))})],[/^> ?/,e=>(0,V.jsx)(`blockquote`,{children:Lc(e)})],[/^#{1,6} +/,e=>e.map((e,t)=>(0,V.jsx)(`p`,{className:`md-head`,children:Ic(e.replace(/ +#+$/,``))},t))],[/^(?:---+|\*\*\*+|___+)\s*$/,()=>(0,V.jsx)(`hr`,{})]];function zc({text:e}){let t=[],n=e.split(/\r?\n/);for(let e=0;e<n.length;){let r=e,i=n[e];if(!i.trim()){e++;continue}if(/^\s*```/.test(i)){let i=n.findIndex((t,n)=>n>e&&/^\s*```/.test(t));e=i<0?n.length:i+1,t.push((0,V.jsx)(`pre`,{children:n.slice(r+1,i<0?n.length:i).join(`
`)},r));continue}let a=Rc.at(-1),o=a[0].test(i)?a:Rc.find(([e])=>e.test(i)),s=[],c=e=>o?o[0].test(e):e.trim()!==``&&!/^\s*```/.test(e)&&!Rc.some(([t])=>t.test(e));for(;e<n.length&&c(n[e]);e++)s.push(o?n[e].replace(o[0],``):n[e]);t.push((0,V.jsx)(S.Fragment,{children:o?o[1](s):(0,V.jsx)(`p`,{children:Lc(s)})},r))}return t}function Bc(e){return e.widget.multiline?(0,V.jsx)(Hc,{...e}):(0,V.jsx)(Vc,{...e})}function Vc({row:e,widget:t,disabled:n,set:r}){let[i,a]=(0,S.useState)(!1),o=(0,S.useRef)(null),s=String(e.value??``);return i?(0,V.jsx)(`div`,{className:`w w-typing nodrag`,children:(0,V.jsx)(`input`,{"aria-label":e.label,autoFocus:!0,value:s,placeholder:t.placeholder||e.label,onFocus:e=>e.currentTarget.select(),onChange:t=>r(t.target.value,`text:${e.key}`),onBlur:()=>{bn(),a(!1)},onKeyDown:e=>{e.stopPropagation(),(e.key===`Enter`||e.key===`Escape`)&&(e.currentTarget.blur(),requestAnimationFrame(()=>document.activeElement===document.body&&o.current?.focus()))}})}):(0,V.jsxs)(`button`,{ref:o,type:`button`,className:`w w-text nodrag`,disabled:n,title:e.tooltip||void 0,"aria-label":`${e.label}: ${s}`,onClick:()=>a(!0),children:[(0,V.jsx)(`span`,{className:`w-label`,children:e.label}),(0,V.jsx)(`span`,{className:`w-value`,children:n?``:s})]})}function Hc({row:e,widget:t,disabled:n,set:r}){let[i,a]=(0,S.useState)(null),o=(0,S.useRef)(null),s=(0,S.useRef)(null),c=String(e.value??``);return(0,S.useLayoutEffect)(()=>{s.current&&o.current&&o.current.setSelectionRange(...s.current),s.current=null},[c]),i===null||n?(0,V.jsx)(`div`,{className:t.markdown?`w w-long w-markdown nodrag nowheel`:`w w-long nodrag nowheel`,role:`textbox`,"aria-multiline":!0,"aria-label":e.label,"aria-readonly":n||void 0,"data-disabled":n||void 0,"data-empty":!c||void 0,tabIndex:n?-1:0,title:e.tooltip||void 0,onPointerUp:e=>{if(e.button!==0||n)return;let r=document.caretRangeFromPoint?.(e.clientX,e.clientY);a(r&&!t.markdown&&e.currentTarget.contains(r.startContainer)&&c?r.startOffset:c.length)},onKeyDown:e=>{e.key!==`Enter`||n||e.ctrlKey||e.metaKey||(e.preventDefault(),e.stopPropagation(),a(c.length))},children:t.markdown&&c?(0,V.jsx)(zc,{text:c}):c||t.placeholder||e.label}):(0,V.jsx)(`textarea`,{ref:o,className:`w w-long nodrag nowheel`,"aria-label":e.label,autoFocus:!0,spellCheck:!1,placeholder:t.placeholder||e.label,value:c,onFocus:e=>e.currentTarget.setSelectionRange(i,i),onChange:t=>r(t.target.value,`text:${e.key}`),onBlur:()=>{bn(),a(null)},onKeyDown:t=>{if(t.key===`Escape`)t.stopPropagation(),t.currentTarget.blur();else{if(!(t.ctrlKey||t.metaKey))return t.stopPropagation();if(t.key===`ArrowUp`||t.key===`ArrowDown`){t.preventDefault(),t.stopPropagation();let{selectionStart:n,selectionEnd:i}=t.currentTarget,a=Nc(c,n,i,t.key===`ArrowUp`?.05:-.05);s.current=[a.start,a.end],r(a.text,`text:${e.key}`)}}}})}function Uc({row:e,widget:t,disabled:n,set:r}){let i=e.value===!0;return(0,V.jsxs)(`button`,{type:`button`,className:`w w-toggle nodrag`,role:`switch`,"aria-checked":i,"aria-label":e.label,disabled:n,title:e.tooltip||void 0,onClick:()=>r(!i),children:[(0,V.jsx)(`span`,{className:`w-label`,children:e.label}),!n&&(0,V.jsxs)(V.Fragment,{children:[(0,V.jsx)(`span`,{className:`w-value`,children:i?t.on:t.off}),(0,V.jsx)(`i`,{className:`w-switch`,"data-on":i||void 0})]})]})}function Wc(e){let{widget:t}=e;switch(t.kind){case`int`:case`float`:return t.display===`color`?(0,V.jsx)(gc,{...e,widget:t}):(0,V.jsx)(zs,{...e,widget:t});case`boolean`:return(0,V.jsx)(Uc,{...e,widget:t});case`combo`:return(0,V.jsx)(Ws,{...e,widget:t});case`color`:return(0,V.jsx)(gc,{...e,widget:t});case`drawn`:return(0,V.jsx)(Dc,{...e,widget:t});case`string`:return(0,V.jsx)(Bc,{...e,widget:t})}}function Gc(e,t,n){return q(r=>{let i=r.runs[e],a=i?.[t];if(!n||!i)return a??la;let o=Object.keys(i).filter(e=>e.startsWith(`${t}:`)),s=o.find(e=>i[e].state===`failed`),c=o.find(e=>i[e].state===`running`),l=o.find(e=>i[e].images.length||i[e].preview);return(s??c??l)===void 0?a??la:i[s??c??l]})}var Kc=(0,S.memo)(function({id:e,data:t,selected:n}){let r=$o(e=>e.far),{node:i,face:a,shape:o}=t,s=Gc(t.tab,t.run,a.kind===`subgraph`),c={className:`node`,style:{"--body":i.bgcolor,"--head":i.color},"data-selected":n||void 0,"data-state":s.state,"data-mode":i.mode===E.Muted?`muted`:i.mode===E.Bypassed?`bypassed`:void 0,"data-missing":a.missing||void 0,"data-coloured":i.bgcolor||i.color?!0:void 0,"data-kind":a.kind,"data-class":i.type};return r?(0,V.jsx)(`div`,{...c,children:(0,V.jsx)(`div`,{className:`node-far`,children:a.title})}):(0,V.jsxs)(`div`,{...c,children:[(0,V.jsx)(qc,{id:e,data:t,run:s}),s.state===`running`&&(0,V.jsx)(`i`,{className:`node-progress`,role:`progressbar`,"aria-label":`Progress`,"aria-valuenow":s.progress===null?void 0:Math.round(s.progress*100),"data-unknown":s.progress===null||void 0,children:(0,V.jsx)(`i`,{style:{transform:`scaleX(${s.progress??1})`}})}),(0,V.jsx)(Jc,{data:t,run:s}),!o.collapsed&&(0,V.jsx)(Yc,{id:e,data:t,run:s}),o.preview&&(0,V.jsx)(Js,{data:t,run:s,style:{top:o.preview.y,height:o.preview.height}}),!o.collapsed&&!i.flags?.pinned&&(0,V.jsx)(Zc,{id:e,node:i,shape:o})]})},(e,t)=>e.data===t.data&&e.selected===t.selected);function qc({id:e,data:t,run:n}){let{node:r,face:i}=t,a=I(t=>t.renaming===e);return(0,V.jsxs)(`header`,{className:`node-title`,onDoubleClick:t=>{t.stopPropagation(),i.kind===`subgraph`&&!t.altKey?Dn({node:e,layer:r.type}):I.setState({renaming:e})},children:[(0,V.jsx)(`button`,{type:`button`,className:`node-fold nodrag`,"aria-label":r.flags?.collapsed?`Expand`:`Collapse`,"aria-expanded":!r.flags?.collapsed,onClick:()=>B((t,n)=>Bt(t,n,[e],`collapsed`)),children:(0,V.jsx)(X,{name:r.flags?.collapsed?`right`:`chevron`,size:12})}),a?(0,V.jsx)(`input`,{className:`node-name nodrag`,autoFocus:!0,"aria-label":`Title`,defaultValue:i.title,onFocus:e=>e.currentTarget.select(),onBlur:t=>{let n=t.target.value;I.setState({renaming:null}),n!==i.title&&B((t,r)=>Vt(t,r,e,n))},onKeyDown:e=>{e.stopPropagation(),e.key===`Enter`&&e.currentTarget.blur(),e.key===`Escape`&&(e.currentTarget.value=i.title,e.currentTarget.blur())}}):(0,V.jsx)(`span`,{className:`node-name`,title:i.spec?`${i.title}\n${i.spec.class}`:i.title,children:i.title}),(t.folded>0||r.showAdvanced===!0)&&(0,V.jsx)(`button`,{type:`button`,className:`badge badge-more nodrag`,"aria-label":t.folded?`Show ${t.folded} more`:`Show fewer`,title:t.folded?`Show ${t.folded} more`:`Show fewer`,onClick:()=>B((n,r)=>F(n,r,[e],({showAdvanced:e,...n})=>t.folded?{...n,showAdvanced:!0}:n)),children:t.folded?`+${t.folded}`:`−`}),i.missing&&(0,V.jsx)(`b`,{className:`badge`,"data-tone":`bad`,children:`missing`}),n.errors.length>0&&(0,V.jsx)(`b`,{className:`badge`,"data-tone":`bad`,title:n.errors.map(e=>`${e.message} ${e.details}`).join(`
`),children:`error`}),i.spec?.deprecated&&(0,V.jsx)(`b`,{className:`badge`,children:`old`}),i.spec?.experimental&&(0,V.jsx)(`b`,{className:`badge`,children:`beta`}),r.mode===E.Bypassed&&(0,V.jsx)(`b`,{className:`badge`,children:`bypass`}),r.mode===E.Muted&&(0,V.jsx)(`b`,{className:`badge`,children:`mute`}),r.flags?.pinned===!0&&(0,V.jsx)(X,{name:`pin`,size:12}),i.kind===`subgraph`&&(0,V.jsx)(`button`,{type:`button`,className:`node-fold nodrag`,"aria-label":`Open subgraph`,title:`Open subgraph`,onClick:()=>Dn({node:e,layer:r.type}),children:(0,V.jsx)(X,{name:`layers`,size:14})})]})}function Jc({data:e,run:t}){let{face:n,shape:r}=e,i=new Set(t.errors.map(e=>e.input));return(0,V.jsxs)(V.Fragment,{children:[n.inputs.map((e,t)=>(0,V.jsxs)(`div`,{children:[(0,V.jsx)(oc,{side:`input`,id:`in:${e.name}`,type:e.type,y:r.inputs[t],linked:e.linked,label:e.label,bad:i.has(e.name)}),!r.collapsed&&(0,V.jsx)(`span`,{className:`slot-label`,style:{top:r.inputs[t]},"data-bad":i.has(e.name)||void 0,"data-optional":!e.required||void 0,title:e.tooltip||void 0,children:e.label})]},`i${e.name}`)),n.outputs.map((e,t)=>(0,V.jsxs)(`div`,{children:[(0,V.jsx)(oc,{side:`output`,id:`out:${t}`,type:e.type,y:r.outputs[t],linked:e.linked,label:e.label,isList:e.isList}),!r.collapsed&&(0,V.jsx)(`span`,{className:`slot-label slot-label-out`,style:{top:r.outputs[t]},title:e.tooltip||void 0,children:e.label})]},`o${t}`)),r.collapsed&&n.rows.map(e=>e.socket?.linked&&(0,V.jsx)(oc,{side:`input`,id:`in:${e.socket.name}`,type:e.socket.type,y:15,linked:!0,label:e.label},e.key))]})}function Yc({id:e,data:t,run:n}){let{face:r,shape:i}=t,a=new Map(n.errors.map(e=>[e.input,e])),o=(0,S.useCallback)((t,n,r,i=`value`)=>{let{catalog:a}=I.getState();B((r,o)=>Dt(r,o,e,a,t,n,i),r?`${e}:${r}`:null)},[e]);return(0,V.jsx)(V.Fragment,{children:r.rows.map((e,t)=>{let n=i.rows[t],r=a.get(e.socket?.name??e.key);return(0,V.jsxs)(`div`,{className:`row`,style:{top:n.y,height:n.height},"data-bad":r?!0:void 0,title:r?`${r.message} ${r.details}`:void 0,children:[e.socket&&(0,V.jsx)(oc,{side:`input`,id:`in:${e.socket.name}`,type:e.socket.type,y:12,linked:e.socket.linked,label:e.label,bad:r!==void 0,small:!0}),(0,V.jsx)(Wc,{row:e,widget:e.widget,disabled:e.socket?.linked??!1,set:(t,n)=>o(e.key,t,n),setMode:t=>o(e.key,t,void 0,`control`)})]},e.key)})})}var Xc=0;function Zc({id:e,node:t,shape:n}){let r=(0,S.useMemo)(()=>t=>{if(t.button!==0)return;t.stopPropagation();let[r,i]=[t.clientX,t.clientY],a=t.currentTarget.closest(`.react-flow__node`).getBoundingClientRect().width/n.width,o=`resize:${e}:${++Xc}`,s=t=>{let s=[Math.max(160,n.width+(t.clientX-r)/a),Math.max(26,n.height-30+(t.clientY-i)/a)].map(Math.round);B((t,n)=>F(t,n,[e],e=>({...e,size:[s[0],s[1]]})),o)};addEventListener(`pointermove`,s),addEventListener(`pointerup`,()=>{removeEventListener(`pointermove`,s),bn()},{once:!0})},[e,n]);return(0,V.jsx)(`i`,{className:`node-corner nodrag`,"data-node":O(t),onPointerDown:r})}var Qc={node:Kc,group:uc,point:(0,S.memo)(function({data:e,selected:t}){return(0,V.jsx)(`i`,{className:`point`,"data-selected":t||void 0,style:{background:Pn(e.type)}})},(e,t)=>e.data===t.data&&e.selected===t.selected),ends:cc},$c={link:fc},el=[8,8],tl=`application/x-burnish-node`,nl=`application/x-burnish-subgraph`,rl=e=>e.startsWith(`group:`),il=e=>e.startsWith(`point:`),al=e=>Number(e.slice(6)),ol=new WeakMap;function sl(e,t,n,r,i,a,o){let s=o+O(n),c=Te(e,n)===`real`,l=ol.get(n);if(l&&l.catalog===r&&l.shows===i&&l.run===s&&l.tab===a&&(c||l.layers===e.layers))return l.made;let u=N(e,t,n,r),d=ot(u,n),f=wt(d,n,i||qs({face:d})!==null),p=(e,t,n,r)=>({id:e,type:t,position:t===`source`?`right`:`left`,x:n,y:r,width:1,height:1}),m={id:O(n),type:`node`,position:{x:n.pos[0],y:n.pos[1]-30},data:{node:n,face:d,shape:f,tab:a,run:s,folded:at(u,n)},width:f.width,height:f.height,measured:{width:f.width,height:f.height},draggable:n.flags?.pinned!==!0,ariaLabel:d.title,handles:[...d.inputs.map((e,t)=>p(`in:${e.name}`,`target`,0,f.inputs[t])),...d.rows.flatMap((e,t)=>e.socket?[p(`in:${e.socket.name}`,`target`,0,f.collapsed?15:f.rows[t].y+12)]:[]),...d.outputs.map((e,t)=>p(`out:${t}`,`source`,f.width-1,f.outputs[t]))]};return ol.set(n,{catalog:r,layers:c?null:e.layers,shows:i,run:s,tab:a,made:m}),m}function cl(e){if(e.id===``)return[];let t=e=>{let t=typeof e==`object`&&e&&`bounding`in e?e.bounding:null;return Array.isArray(t)&&t.every(e=>typeof e==`number`)?t:[]},n=[...e.nodes.values()],r=Math.min(0,...n.map(e=>e.pos[0]))-240,i=Math.max(0,...n.map(e=>e.pos[0]+e.size[0]))+100,a=(t,n,r,i)=>{let a=n===`input`?e.inputs:e.outputs,o=sc.title+12+(a.length+1)*sc.row,s=e=>({id:n===`input`?`out:${e}`:`in:${e}`,type:n===`input`?`source`:`target`,position:n===`input`?`right`:`left`,x:n===`input`?sc.width-1:0,y:sc.title+6+e*sc.row+sc.row/2,width:1,height:1});return{id:t,type:`ends`,position:{x:r[0]??i,y:r[1]??0},data:{side:n,ports:a},width:sc.width,height:o,measured:{width:sc.width,height:o},ariaLabel:n===`input`?`Inputs of the subgraph`:`Outputs of the subgraph`,handles:[...a.map((e,t)=>s(t)),s(a.length)]}};return[a(`-10`,`input`,t(e.rest.inputNode),r),a(`-20`,`output`,t(e.rest.outputNode),i)]}function ll(e,t){return[...e.links.values()].flatMap(n=>{let r=e.nodes.get(n.target),i=e.nodes.get(n.origin),a=n.target===`-20`?String(n.targetSlot):r?.inputs?.[n.targetSlot]?.name;if(a===void 0||!i&&n.origin!==`-10`)return[];let o=i?.mode===E.Muted||r?.mode===E.Muted;return[{id:String(n.id),type:`link`,source:n.origin,sourceHandle:`out:${n.originSlot}`,target:n.target,targetHandle:`in:${a}`,data:{type:ul(e,n,t),points:Xt(e,n).map(e=>`point:${e}`),muted:o===!0},reconnectable:!1,focusable:!1}]})}function ul(e,t,n){let r=e.nodes.get(t.origin),i=n.spec(r?.type??``)?.outputs[t.originSlot]?.type;return i===void 0||we(i)?j(t.type):i}var dl={x:0,y:0,zoom:1},fl={padding:.12,maxZoom:1},pl={hideAttribution:!0},ml=[`Shift`,`Control`],hl=[`Control`,`Meta`,`Shift`],gl=[0,1],_l=[1],vl=()=>Cn(fn);function yl(e,t){if(e.preventDefault(),rl(t.id))return ac(e,al(t.id));t.type===`node`&&(I.getState().selection.nodes.includes(t.id)||Cn({nodes:[t.id]}),tc(e))}function bl(e){e.preventDefault(),tc(e)}function xl(e){e.preventDefault(),ec(e)}function Sl(e,t){e.preventDefault(),rc(e,Number(t.id))}var Cl=(e,t)=>B((n,r)=>qt(n,r,Number(t.id),Xo([e.clientX,e.clientY])));function wl(e){let t=e.button===1?e.target.closest(`.react-flow__edge`)?.dataset.id:void 0;t!==void 0&&B((n,r)=>qt(n,r,Number(t),Xo([e.clientX,e.clientY])))}function Tl(e,t){e.altKey&&Cl(e,t)}function El(){let e=I(L);return(0,V.jsx)(Dl,{},`${e.id}/${e.path.map(e=>e.node).join(`/`)}`)}function Dl(){let e=h(),t=I(L),n=I(e=>e.catalog),r=I(e=>e.ready),i=I(e=>e.locked),o=I(e=>e.selection),s=Y(),c=t.history.present,u=D(c,hn(t)),d=gn(t),f=kl(t.id),[p,m]=(0,S.useState)(new Map);(0,S.useEffect)(()=>(Vo(e),()=>Vo(null)),[e]);let g=(0,S.useMemo)(()=>{let e=u.groups.map(e=>{let[t,n,r,i]=e.bounding;return{id:`group:${e.id}`,type:`group`,position:{x:t,y:n},data:{group:e},width:r,height:i,measured:{width:r,height:i},zIndex:-1,dragHandle:`.group-title`,ariaLabel:`Group ${e.title}`}}),r=[...u.reroutes.values()].map(e=>({id:`point:${e.id}`,type:`point`,zIndex:2,position:{x:e.pos[0]-6,y:e.pos[1]-6},data:{type:j(u.links.get(e.linkIds[0]??-1)?.type)},width:12,height:12,measured:{width:12,height:12},ariaLabel:`Reroute point`})),i=[...u.nodes.values()].map(e=>sl(c,u,e,n,f.has(d+O(e)),t.id,d));return[...e,...cl(u),...i,...r]},[c,u,n,f,t.id,d]),y=(0,S.useRef)(new Map),ee=(0,S.useMemo)(()=>new Set([...o.nodes,...o.groups.map(e=>`group:${e}`),...o.reroutes.map(e=>`point:${e}`)]),[o]),te=(0,S.useMemo)(()=>g.map(e=>{let t=ee.has(e.id),n=p.get(e.id);if(n)return{...e,selected:t,position:{x:n[0],y:n[1]}};let r=y.current.get(e.id);if(r&&r.base===e&&r.selected===t)return r.made;let i=t?{...e,selected:t}:e;return y.current.set(e.id,{base:e,selected:t,made:i}),i}),[g,ee,p]),x=(0,S.useMemo)(()=>ll(u,n),[u,n]),ne=(0,S.useMemo)(()=>o.links.length?x.map(e=>o.links.includes(Number(e.id))?{...e,selected:!0,zIndex:1}:e):x,[x,o.links]),re=(0,S.useRef)(null),ae=(0,S.useCallback)(e=>{let t=new Map,n=!1,r=I.getState(),{nodes:i,groups:a,reroutes:o}=r.selection,s=!1;for(let r of e){if(r.type===`position`&&r.position){t.set(r.id,[r.position.x,r.position.y]),r.dragging||(n=!0);let e=re.current;if(e&&e.group===r.id)for(let[n,i]of e.nodes)t.set(n,[i[0]+r.position.x-e.from[0],i[1]+r.position.y-e.from[1]])}if(r.type===`select`){s=!0;let e=(e,t)=>r.selected?e.includes(t)?e:[...e,t]:e.filter(e=>e!==t);rl(r.id)?a=e(a,al(r.id)):il(r.id)?o=e(o,al(r.id)):r.id!==`-10`&&r.id!==`-20`&&(i=e(i,r.id))}}if(s&&I.setState({selection:{...r.selection,nodes:i,groups:a,reroutes:o}}),t.size){if(!n)return m(e=>new Map([...e,...t]));m(new Map),re.current=null,B((e,n)=>Al(e,n,t),e.length===1||!oe.current?`nudge`:null),oe.current=!1}},[]),oe=(0,S.useRef)(!1),C=(0,S.useCallback)(e=>{let t=I.getState(),{links:n}=t.selection;for(let t of e)t.type===`select`&&(n=t.selected?[...n,Number(t.id)]:n.filter(e=>e!==Number(t.id)));n!==t.selection.links&&I.setState({selection:{...t.selection,links:n}})},[]),se=(0,S.useCallback)((e,{nodeId:t,handleId:n})=>{let r=kn(t,n);r&&Oo(r)},[]),w=(0,S.useCallback)(e=>{let t=kn(e.source,e.sourceHandle),n=kn(e.target,e.targetHandle);t&&n&&An(t,n)},[]),ce=(0,S.useCallback)((e,t)=>{if(ko(),t.isValid||!t.fromHandle)return;let n=kn(t.fromHandle.nodeId,t.fromHandle.id),r=`changedTouches`in e?e.changedTouches[0]:e;if(!n||!r)return;let i=[r.clientX,r.clientY],a=document.elementFromPoint(...i);if(!a?.closest(`.react-flow`))return;let o=a.closest(`.react-flow__node-node`);if(o?.dataset.id&&o.dataset.id!==n.node)return Mn(n,o.dataset.id);if(!a.closest(`.react-flow__pane`))return;let s={at:Xo(i),screen:i,link:{node:n.node,slot:t.fromHandle.id??``,side:n.side,type:n.type}},{release:c}=Y.getState(),l=e.shiftKey&&c!==`nothing`?c===`search`?`menu`:`search`:c;l===`menu`?$s(s):l===`search`&&I.setState({add:s})},[]),le=(0,S.useCallback)((e,t)=>{if(oe.current=!0,!rl(t.id))return;let n=I.getState(),r=z(n),i=r.groups.find(e=>e.id===al(t.id))?.bounding,a=(i?Kt(r,i):[]).filter(e=>!n.selection.nodes.includes(e)).map(e=>[e,[r.nodes.get(e).pos[0],r.nodes.get(e).pos[1]-30]]);re.current={group:t.id,from:[t.position.x,t.position.y],nodes:new Map(a)}},[]),ue=(0,S.useCallback)(e=>{let t=e<es;t!==$o.getState().far&&$o.setState({far:t})},[]);v({onChange:({zoom:e})=>ue(e),onEnd:e=>vn(t.id,t=>({...t,view:e}))}),(0,S.useEffect)(()=>ue(t.view?.zoom??1),[ue,t.id]),(0,S.useEffect)(()=>{r&&!t.view&&requestAnimationFrame(()=>Go())},[r]);let T=(0,S.useCallback)(e=>{if(!e.target.closest(`.react-flow__pane`))return;let t=[e.clientX,e.clientY];I.setState({add:{at:Xo(t),screen:t}})},[]),de=(0,S.useCallback)(e=>{e.preventDefault();let t=Xo([e.clientX,e.clientY]),n=e.dataTransfer.getData(tl);if(n){let e=``;B((r,i)=>{let a=At(I.getState().catalog,n,t,Ot(r),r);return e=O(a),Et(r,i,a)}),Cn({nodes:[e]});return}let r=Ba.getState().list.find(t=>t.id===e.dataTransfer.getData(nl));if(r)return void Ua(r,t);for(let n of e.dataTransfer.files)so(n,t)},[]);return(0,V.jsxs)(`div`,{className:`canvas`,"data-links":s.links,onDoubleClick:T,onAuxClick:wl,onPointerMove:e=>Ho([e.clientX,e.clientY]),onDragOver:e=>{e.preventDefault(),e.dataTransfer.dropEffect=`copy`},onDrop:de,children:[(0,V.jsxs)(l,{nodes:te,edges:ne,nodeTypes:Qc,edgeTypes:$c,onNodesChange:ae,onEdgesChange:C,onConnectStart:se,onConnect:w,onConnectEnd:ce,isValidConnection:jn,onNodeDragStart:le,onNodeContextMenu:yl,onSelectionContextMenu:bl,onPaneContextMenu:xl,onEdgeContextMenu:Sl,onEdgeClick:Tl,onEdgeDoubleClick:Cl,onPaneClick:vl,defaultViewport:t.view??dl,fitView:t.view===null,fitViewOptions:fl,minZoom:.05,maxZoom:4,onlyRenderVisibleElements:!0,connectionLineType:a.Bezier,connectionRadius:22,selectionMode:ie.Partial,selectionKeyCode:ml,multiSelectionKeyCode:hl,panActivationKeyCode:`Space`,panOnDrag:s.drag===`pan`?gl:_l,selectionOnDrag:s.drag===`select`,panOnScroll:s.wheel===`pan`,zoomOnScroll:s.wheel===`zoom`,zoomOnDoubleClick:!1,deleteKeyCode:null,snapToGrid:s.snap,snapGrid:el,nodesDraggable:!i,nodesConnectable:!i,elevateNodesOnSelect:!0,nodeDragThreshold:2,autoPanOnNodeFocus:!0,proOptions:pl,children:[(0,V.jsx)(_,{variant:b.Dots,gap:24,size:2}),s.minimap&&(0,V.jsx)(hc,{})]}),r&&u.nodes.size===0&&u.id===``&&(0,V.jsx)(Ol,{})]})}function Ol(){return(0,V.jsxs)(`div`,{className:`canvas-empty`,children:[(0,V.jsxs)(`p`,{children:[(0,V.jsx)(`kbd`,{children:`double-click`}),` adds a node, `,(0,V.jsx)(`kbd`,{children:`Ctrl`}),` `,(0,V.jsx)(`kbd`,{children:`Enter`}),` runs`]}),(0,V.jsx)(`p`,{children:`Drop a workflow or a picture here, or`}),(0,V.jsx)(`button`,{type:`button`,className:`button`,onClick:()=>I.setState({panel:`templates`}),children:`Start from an example`})]})}function kl(e){let t=q(t=>Object.entries(t.runs[e]??{}).filter(([,e])=>ka(e)).map(([e])=>e).join(`
`));return(0,S.useMemo)(()=>new Set(t?t.split(`
`).flatMap(e=>e.split(`:`).map((e,t,n)=>n.slice(0,t+1).join(`:`))):[]),[t])}function Al(e,t,n){let r=D(e,t),i=new Map,a=e;for(let[e,[o,s]]of n)if(rl(e)){let n=r.groups.find(t=>t.id===al(e));n&&(n.bounding[0]!==o||n.bounding[1]!==s)&&(a=Wt(a,t,n.id,{bounding:[o,s,n.bounding[2],n.bounding[3]]}))}else if(il(e))a=Jt(a,t,al(e),[o+6,s+6]);else if(e===`-10`||e===`-20`)a=nn(a,t,e===`-10`?`inputNode`:`outputNode`,[o,s]);else{let t=r.nodes.get(e);t&&(t.pos[0]!==o||t.pos[1]!==s+30)&&i.set(e,[o,s+30])}return i.size?Rt(a,t,i):a}var jl=`{
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
`,Ml=`{
  "1": {
    "class_type": "LanguageModelLoader",
    "inputs": {
      "model_name": "burnish-demo-writer"
    },
    "_meta": {
      "title": "Load the demo language model"
    }
  },
  "2": {
    "class_type": "LanguageModelChat",
    "inputs": {
      "model": [
        "1",
        0
      ],
      "prompt": "draw a bird",
      "max_tokens": 40,
      "temperature": 0.8,
      "seed": 1
    },
    "_meta": {
      "title": "First question"
    }
  },
  "3": {
    "class_type": "LanguageModelChat",
    "inputs": {
      "model": [
        "1",
        0
      ],
      "prompt": "now something sweet on pink",
      "max_tokens": 40,
      "temperature": 0.8,
      "seed": 2,
      "conversation": [
        "2",
        1
      ]
    },
    "_meta": {
      "title": "Second question"
    }
  },
  "4": {
    "class_type": "PreviewAny",
    "inputs": {
      "source": [
        "2",
        0
      ]
    },
    "_meta": {
      "title": "First answer"
    }
  },
  "5": {
    "class_type": "PreviewAny",
    "inputs": {
      "source": [
        "3",
        0
      ]
    },
    "_meta": {
      "title": "Second answer"
    }
  }
}
`,Nl=`{
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
`,Pl=`{
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
`,Fl=`{
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
`,Il=`{
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
`,Ll=`{
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
`,Rl=new URL(`batch.webp`,import.meta.url).href,zl=new URL(`chat.webp`,import.meta.url).href,Bl=new URL(`controlnet.webp`,import.meta.url).href,Vl=new URL(`hires-fix.webp`,import.meta.url).href,Hl=new URL(`image-to-image.webp`,import.meta.url).href,Ul=new URL(`inpaint.webp`,import.meta.url).href,Wl=new URL(`lora.webp`,import.meta.url).href,Gl=new URL(`prompt-editing.webp`,import.meta.url).href,Kl=new URL(`prompt-weighting.webp`,import.meta.url).href,ql=new URL(`prompt-writer.webp`,import.meta.url).href,Jl=new URL(`lora.webp`,import.meta.url).href,Yl=new URL(`text-to-image.webp`,import.meta.url).href,Xl=new URL(`upscale.webp`,import.meta.url).href,Zl=new URL(`xy-grid.webp`,import.meta.url).href,Ql=[{title:`Text to image`,about:`A picture from a prompt`,picture:Yl,text:`{
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
`},{title:`Image to image`,about:`A picture drawn again with another prompt`,picture:Hl,text:Fl},{title:`Inpaint`,about:`Only the part under a mask drawn again`,picture:Ul,text:Il},{title:`Hires fix`,about:`Drawn small, enlarged, and drawn again`,picture:Vl,text:Pl},{title:`Prompt weighting`,about:`Words that count more, or less`,picture:Kl,text:`{
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
`},{title:`Prompt editing`,about:`One prompt for the first steps, another for the rest`,picture:Gl,text:`{
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
`},{title:`Batch`,about:`Four pictures of one prompt in one run`,picture:Rl,text:jl},{title:`XY grid`,about:`Seeds across, guidance down, side by side`,picture:Zl,text:`{
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
`},{title:`LoRA`,about:`Things without colour, by a LoRA`,picture:Wl,text:Ll},{title:`Save a checkpoint`,about:`The model with a LoRA in it, as one file`,picture:Jl,text:`{
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
      "filename_prefix": "save-checkpoint"
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
  },
  "9": {
    "class_type": "CheckpointSave",
    "inputs": {
      "model": [
        "8",
        0
      ],
      "clip": [
        "1",
        1
      ],
      "vae": [
        "1",
        2
      ],
      "filename_prefix": "checkpoints/burnish-demo-silver"
    },
    "_meta": {
      "title": "Save all in one file"
    }
  }
}
`},{title:`ControlNet`,about:`Edges tell where the thing stands`,picture:Bl,text:Nl},{title:`Upscale`,about:`Enlarged four times by a network made for it`,picture:Xl,text:`{
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
`},{title:`Prompt writer`,about:`A language model writes what the picture model draws`,picture:ql,text:`{
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
      "text": [
        "9",
        0
      ],
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
      "filename_prefix": "prompt-writer"
    },
    "_meta": {
      "title": "Save"
    }
  },
  "8": {
    "class_type": "LanguageModelLoader",
    "inputs": {
      "model_name": "burnish-demo-writer"
    },
    "_meta": {
      "title": "Load the demo language model"
    }
  },
  "9": {
    "class_type": "LanguageModelEnhancePrompt",
    "inputs": {
      "model": [
        "8",
        0
      ],
      "prompt": "something from the sea, on yellow",
      "max_tokens": 40,
      "temperature": 0.8,
      "seed": 1,
      "instruction": ""
    },
    "_meta": {
      "title": "Write the prompt"
    }
  },
  "10": {
    "class_type": "PreviewAny",
    "inputs": {
      "source": [
        "9",
        0
      ]
    },
    "_meta": {
      "title": "What it wrote"
    }
  }
}
`},{title:`Chat`,about:`Two questions to a language model`,picture:zl,text:Ml}];function $l(e,t){let n=C(e),r=new Set;for(let e of Object.values(w(n)?n:{})){if(!w(e))continue;let n=t.spec(String(e.class_type));n||r.add(String(e.class_type));for(let{name:t,widget:i}of n?.inputs??[]){let n=w(e.inputs)?e.inputs[t]:void 0;i?.kind===`combo`&&typeof n==`string`&&!i.options.includes(n)&&r.add(n)}}return[...r]}var eu=[{panel:`nodes`,icon:`nodes`,label:`Nodes`,keys:`N`},{panel:`workflows`,icon:`folder`,label:`Workflows`,keys:`W`},{panel:`models`,icon:`box`,label:`Models`,keys:`M`},{panel:`results`,icon:`picture`,label:`Results`,keys:`A`},{panel:`templates`,icon:`grid`,label:`Examples`,keys:`T`}];function tu(){let e=I(e=>e.panel),t=I(e=>e.logs);return(0,V.jsxs)(`nav`,{className:`rail`,"aria-label":`Panels`,children:[eu.map(({panel:t,icon:n,label:r,keys:i})=>(0,V.jsxs)(`button`,{type:`button`,"aria-pressed":e===t,title:`${r} (${i})`,onClick:()=>fs(t),children:[(0,V.jsx)(X,{name:n,size:18}),(0,V.jsx)(`span`,{children:r})]},t)),(0,V.jsx)(`span`,{className:`grow`}),(0,V.jsxs)(`button`,{type:`button`,"aria-pressed":t,title:"Logs (Ctrl+`)",onClick:()=>fs(`logs`),children:[(0,V.jsx)(X,{name:`terminal`,size:18}),(0,V.jsx)(`span`,{children:`Logs`})]}),(0,V.jsxs)(`button`,{type:`button`,title:`Settings (Ctrl+,)`,onClick:()=>fs(`settings`),children:[(0,V.jsx)(X,{name:`gear`,size:18}),(0,V.jsx)(`span`,{children:`Settings`})]})]})}function nu({title:e,children:t,actions:n}){return(0,V.jsxs)(`section`,{className:`panel`,"aria-label":e,children:[(0,V.jsxs)(`header`,{children:[(0,V.jsx)(`h2`,{children:e}),n]}),t]})}function ru(){let e=I(e=>e.panel);return e===`nodes`?(0,V.jsx)(cu,{}):e===`workflows`?(0,V.jsx)(du,{}):e===`models`?(0,V.jsx)(pu,{}):e===`results`?(0,V.jsx)(hu,{}):e===`templates`?(0,V.jsx)(gu,{}):null}function iu({label:e,value:t,set:n}){return(0,V.jsxs)(`label`,{className:`search`,children:[(0,V.jsx)(X,{name:`search`,size:14}),(0,V.jsx)(`input`,{type:`search`,placeholder:e,"aria-label":e,value:t,onChange:e=>n(e.target.value)})]})}var au=e=>{let t=Zo();Hn(e,{at:Xo(t),screen:t})};function ou({spec:e}){let t=Y(t=>t.favourites.includes(e.class));return(0,V.jsxs)(`li`,{className:`node-entry`,children:[(0,V.jsxs)(`button`,{type:`button`,draggable:!0,title:e.description.split(`

`)[0]||e.class,onDragStart:t=>{t.dataTransfer.setData(tl,e.class),t.dataTransfer.effectAllowed=`copy`},onClick:()=>au(e.class),children:[(0,V.jsx)(`i`,{className:`dot`,style:{background:Pn(e.outputs[0]?.type??e.inputs[0]?.type??`*`)}}),(0,V.jsx)(`span`,{children:e.title}),e.deprecated&&(0,V.jsx)(`b`,{className:`badge`,children:`old`}),e.experimental&&(0,V.jsx)(`b`,{className:`badge`,children:`beta`})]}),(0,V.jsx)(`button`,{type:`button`,className:`star`,"aria-label":`Favourite ${e.title}`,"aria-pressed":t,onClick:()=>{let{favourites:n}=Y.getState();La(`favourites`,t?n.filter(t=>t!==e.class):[...n,e.class])},children:(0,V.jsx)(X,{name:`star`,size:12})})]})}function su({kept:e}){return(0,V.jsxs)(`li`,{className:`node-entry`,children:[(0,V.jsxs)(`button`,{type:`button`,draggable:!0,title:`A subgraph that is kept for all workflows`,onDragStart:t=>{t.dataTransfer.setData(nl,e.id),t.dataTransfer.effectAllowed=`copy`},onClick:()=>void Ua(e,Xo(Zo())),children:[(0,V.jsx)(X,{name:`layers`,size:12}),(0,V.jsx)(`span`,{children:e.name})]}),e.own&&(0,V.jsx)(`button`,{type:`button`,className:`star`,"aria-label":`Delete ${e.name}`,onClick:()=>void Wa(e),children:(0,V.jsx)(X,{name:`close`,size:12})})]})}function cu(){let e=I(e=>e.catalog),t=Y(e=>e.favourites),[n,r]=(0,S.useState)(``),i=(0,S.useMemo)(()=>[...e.specs.values()].sort((e,t)=>e.title.localeCompare(t.title)),[e]),a=(0,S.useMemo)(()=>{let e={name:``,folders:new Map,specs:[]};for(let t of i){let n=e;for(let e of t.category.split(`/`).filter(Boolean))n.folders.has(e)||n.folders.set(e,{name:e,folders:new Map,specs:[]}),n=n.folders.get(e);n.specs.push(t)}return e},[i]),o=n?on(n,i,e=>[e.title,e.class,...e.aliases,e.category]).slice(0,200):null,s=Ba(e=>e.list),c=n?on(n,s,e=>[e.name,`subgraph`]):s,l=t.flatMap(t=>e.spec(t)??[]);return(0,V.jsxs)(nu,{title:`Nodes`,children:[(0,V.jsx)(iu,{label:`Search nodes`,value:n,set:r}),(0,V.jsx)(`div`,{className:`scroll`,children:o?(0,V.jsxs)(`ul`,{className:`list`,children:[o.map(e=>(0,V.jsx)(ou,{spec:e},e.class)),c.map(e=>(0,V.jsx)(su,{kept:e},e.id)),!o.length&&!c.length&&(0,V.jsx)(`li`,{className:`empty`,children:`No node is called so.`})]}):(0,V.jsxs)(V.Fragment,{children:[l.length>0&&(0,V.jsxs)(`details`,{open:!0,className:`tree`,children:[(0,V.jsx)(`summary`,{children:`Favourites`}),(0,V.jsx)(`ul`,{className:`list`,children:l.map(e=>(0,V.jsx)(ou,{spec:e},e.class))})]}),s.length>0&&(0,V.jsxs)(`details`,{open:!0,className:`tree`,children:[(0,V.jsx)(`summary`,{children:`Subgraphs`}),(0,V.jsx)(`ul`,{className:`list`,children:s.map(e=>(0,V.jsx)(su,{kept:e},e.id))})]}),(0,V.jsx)(lu,{folder:a})]})})]})}function lu({folder:e}){return(0,V.jsxs)(V.Fragment,{children:[[...e.folders.values()].sort((e,t)=>e.name.localeCompare(t.name)).map(e=>(0,V.jsx)(uu,{folder:e},e.name)),e.specs.length>0&&(0,V.jsx)(`ul`,{className:`list`,children:e.specs.map(e=>(0,V.jsx)(ou,{spec:e},e.class))})]})}function uu({folder:e}){let[t,n]=(0,S.useState)(!1),r=e=>e.specs.length+[...e.folders.values()].reduce((e,t)=>e+r(t),0);return(0,V.jsxs)(`details`,{className:`tree`,open:t,onToggle:e=>e.target===e.currentTarget&&n(e.currentTarget.open),children:[(0,V.jsxs)(`summary`,{children:[(0,V.jsx)(`span`,{children:e.name}),(0,V.jsx)(`small`,{children:r(e)})]}),t&&(0,V.jsx)(lu,{folder:e})]})}function du(){let[e,t]=(0,S.useState)(null),[n,r]=(0,S.useState)(``),i=I(e=>e.tabs),a=()=>void Hi().then(t).catch(K);(0,S.useEffect)(a,[i.map(e=>`${e.file}${e.saved===e.history.present}`).join(`
`)]);let o=on(n,e??[],e=>[e.name]);return(0,V.jsxs)(nu,{title:`Workflows`,actions:(0,V.jsxs)(V.Fragment,{children:[(0,V.jsx)(`button`,{type:`button`,className:`icon-button`,"aria-label":`Save`,title:`Save (Ctrl+S)`,onClick:()=>fs(`save`),children:(0,V.jsx)(X,{name:`save`,size:14})}),(0,V.jsx)(`button`,{type:`button`,className:`icon-button`,"aria-label":`Open a file`,title:`Open a file (Ctrl+O)`,onClick:()=>fs(`open`),children:(0,V.jsx)(X,{name:`upload`,size:14})})]}),children:[(0,V.jsx)(iu,{label:`Search workflows`,value:n,set:r}),(0,V.jsxs)(`ul`,{className:`list scroll`,children:[o.map(({name:e})=>(0,V.jsxs)(`li`,{className:`node-entry`,children:[(0,V.jsxs)(`button`,{type:`button`,onClick:()=>void to(e),children:[(0,V.jsx)(X,{name:`folder`,size:14}),(0,V.jsx)(`span`,{children:e.replace(/\.json$/,``)})]}),(0,V.jsx)(`button`,{type:`button`,className:`star`,"aria-label":`More about ${e}`,onClick:t=>Z(t.currentTarget.getBoundingClientRect(),[{label:`Open`,run:()=>void to(e)},{label:`Rename...`,run:()=>void no(e).then(a)},{label:`Delete...`,danger:!0,run:()=>void ro(e).then(a)}]),children:(0,V.jsx)(X,{name:`more`,size:14})})]},e)),e&&!e.length&&(0,V.jsx)(`li`,{className:`empty`,children:`No workflow is saved here yet. Ctrl+S saves the one that is open.`})]})]})}var fu={checkpoints:[`CheckpointLoaderSimple`,`ckpt_name`],diffusers:[`DiffusersLoader`,`model_path`],loras:[`LoraLoader`,`lora_name`],vae:[`VAELoader`,`vae_name`],controlnet:[`ControlNetLoader`,`control_net_name`],diffusion_models:[`UNETLoader`,`unet_name`],text_encoders:[`CLIPLoader`,`clip_name`],clip_vision:[`CLIPVisionLoader`,`clip_name`],upscale_models:[`UpscaleModelLoader`,`model_name`]};function pu(){let[e,t]=(0,S.useState)(null),[n,r]=(0,S.useState)(``),i=I(e=>e.catalog);(0,S.useEffect)(()=>{Fi().then(e=>Promise.all(e.map(async e=>({name:e,files:await Ii(e)})))).then(t).catch(K)},[i]);let a=(e??[]).map(e=>({...e,files:on(n,e.files,e=>[e])})).filter(e=>e.files.length),o=(e,t)=>{let n=fu[e];if(!n||!i.spec(n[0]))return G(`No node of this server loads ${e}.`,`error`);let r=Zo();Hn(n[0],{at:Xo(r),screen:r},{[n[1]]:t})};return(0,V.jsxs)(nu,{title:`Models`,children:[(0,V.jsx)(iu,{label:`Search models`,value:n,set:r}),(0,V.jsxs)(`div`,{className:`scroll`,children:[a.map(e=>(0,V.jsxs)(`details`,{className:`tree`,open:!0,children:[(0,V.jsxs)(`summary`,{children:[(0,V.jsx)(`span`,{children:e.name}),(0,V.jsx)(`small`,{children:e.files.length})]}),(0,V.jsx)(`ul`,{className:`list`,children:e.files.map(t=>(0,V.jsx)(`li`,{className:`node-entry`,children:(0,V.jsxs)(`button`,{type:`button`,title:`Add a node that loads ${t}`,onClick:()=>o(e.name,t),children:[(0,V.jsx)(X,{name:`box`,size:14}),(0,V.jsx)(`span`,{children:t})]})},t))})]},e.name)),e&&!a.length&&(0,V.jsx)(`p`,{className:`empty`,children:n?`No model is called so.`:`There are no models in the server's folders.`})]})]})}var mu=e=>/\.(png|jpe?g|webp|avif|gif|svg)$/i.test(e);function hu(){let[e,t]=(0,S.useState)(null),[n,r]=(0,S.useState)(``),i=q(e=>e.jobs.filter(e=>e.ended!==null).length);(0,S.useEffect)(()=>void Li().then(t).catch(K),[i]);let a=on(n,e??[],e=>[e]).slice(0,300),o=a.filter(mu),s=e=>({filename:e,subfolder:``,type:`output`}),c=async e=>{let t=await(await fetch(W(s(e)))).blob();await so(new File([t],e,{type:t.type}))};return(0,V.jsxs)(nu,{title:`Results`,children:[(0,V.jsx)(iu,{label:`Search results`,value:n,set:r}),(0,V.jsxs)(`ul`,{className:`results scroll`,children:[a.map(e=>(0,V.jsxs)(`li`,{children:[(0,V.jsxs)(`button`,{type:`button`,title:e,onClick:()=>mu(e)?Os(o.map(s),o.indexOf(e)):window.open(W(s(e))),onContextMenu:t=>{t.preventDefault(),Z({x:t.clientX,y:t.clientY},[{label:`Open its workflow`,run:()=>void c(e).catch(K)}])},children:[mu(e)?(0,V.jsx)(`img`,{src:W(s(e)),alt:``,loading:`lazy`}):(0,V.jsx)(X,{name:`box`,size:24}),(0,V.jsx)(`span`,{children:e})]}),(0,V.jsx)(`button`,{type:`button`,className:`icon-button`,"aria-label":`Open the workflow of ${e}`,title:`Open its workflow`,onClick:()=>void c(e).catch(K),children:(0,V.jsx)(X,{name:`nodes`,size:12})})]},e)),e&&!a.length&&(0,V.jsx)(`li`,{className:`empty`,children:n?`No result is called so.`:`Nothing is saved yet.`})]})]})}function gu(){let[e,t]=(0,S.useState)(``),n=I(e=>e.catalog),r=I(e=>e.ready),i=on(e,Ql,e=>[e.title,e.about]);return(0,V.jsxs)(nu,{title:`Examples`,children:[(0,V.jsx)(iu,{label:`Search examples`,value:e,set:t}),(0,V.jsxs)(`ul`,{className:`templates scroll`,children:[i.map(e=>{let t=r?$l(e.text,n):[];return(0,V.jsx)(`li`,{children:(0,V.jsxs)(`button`,{type:`button`,onClick:()=>io(C(e.text),e.title),children:[(0,V.jsx)(`img`,{src:e.picture,alt:``,loading:`lazy`}),(0,V.jsx)(`b`,{children:e.title}),(0,V.jsx)(`span`,{children:e.about}),t.length>0&&(0,V.jsxs)(`span`,{className:`needs`,children:[`Needs `,t.join(`, `)]})]})},e.title)}),!i.length&&(0,V.jsx)(`li`,{className:`empty`,children:`No example is called so.`})]})]})}function _u({title:e,close:t,children:n,small:r=!1}){let i=(0,S.useRef)(null);return(0,S.useEffect)(()=>{i.current?.open||i.current?.showModal(),i.current?.querySelector(`[data-focus], .search input`)?.focus()},[]),(0,V.jsxs)(`dialog`,{ref:i,className:r?`modal modal-small`:`modal`,"aria-label":e,onClose:t,onKeyDown:e=>e.stopPropagation(),onPointerDown:e=>e.target===e.currentTarget&&t(),children:[(0,V.jsxs)(`header`,{children:[(0,V.jsx)(`h2`,{children:e}),(0,V.jsx)(`button`,{type:`button`,className:`icon-button`,"aria-label":`Close`,onClick:t,children:(0,V.jsx)(X,{name:`close`,size:14})})]}),n]})}var vu=()=>I.setState({dialog:null});function yu(){let e=I(e=>e.dialog),t=ea(e=>e.question);return(0,V.jsxs)(V.Fragment,{children:[e===`settings`&&(0,V.jsx)(xu,{}),e===`shortcuts`&&(0,V.jsx)(Su,{}),t&&(0,V.jsx)(Cu,{question:t},t.title)]})}var bu=[{key:`theme`,label:`Theme`,options:[[`system`,`As the system`],[`dark`,`Dark`],[`light`,`Light`]]},{key:`links`,label:`Links`,options:[[`spline`,`Curved`],[`straight`,`Straight`],[`step`,`At right angles`],[`hidden`,`Hidden`]]},{key:`release`,label:`A link that is let go over the empty canvas`,options:[[`search`,`Searches for a node`],[`menu`,`Opens a menu`],[`nothing`,`Does nothing`]]},{key:`drag`,label:`Dragging the empty canvas`,options:[[`pan`,`Moves the view`],[`select`,`Selects`]]},{key:`wheel`,label:`The wheel`,options:[[`zoom`,`Zooms`],[`pan`,`Moves the view`]]},{key:`control`,label:`Seeds change`,options:[[`after`,`After each run`],[`before`,`Before each run`]]},{key:`snap`,label:`Snap to the grid`,about:`Nodes keep to steps of 8.`},{key:`minimap`,label:`Map`,about:`The whole workflow, small, in the corner.`},{key:`translate`,label:`Names of nodes in my language`,about:`Where the server knows them. Takes effect when the classes are read again (R).`},{key:`animate`,label:`Motion`,about:`Also off where the system asks for less motion.`},{key:`confirmDelete`,label:`Ask before a tab with changes is closed by the browser`}];function xu(){let e=Y(),[t,n]=(0,S.useState)(``),r=on(t,bu,e=>[e.label,e.about??``]);return(0,V.jsxs)(_u,{title:`Settings`,close:vu,children:[(0,V.jsx)(iu,{label:`Search settings`,value:t,set:n}),(0,V.jsx)(`div`,{className:`scroll settings`,children:r.map(t=>(0,V.jsxs)(`label`,{className:`setting`,children:[(0,V.jsxs)(`span`,{children:[t.label,t.about&&(0,V.jsx)(`small`,{children:t.about})]}),t.options?(0,V.jsx)(`select`,{value:String(e[t.key]),onChange:e=>La(t.key,e.target.value),children:t.options.map(([e,t])=>(0,V.jsx)(`option`,{value:String(e),children:t},String(e)))}):(0,V.jsx)(`input`,{type:`checkbox`,role:`switch`,checked:e[t.key]===!0,onChange:e=>La(t.key,e.target.checked)})]},t.key))}),(0,V.jsxs)(`footer`,{children:[(0,V.jsx)(`button`,{type:`button`,className:`button`,onClick:Ra,children:`Reset all`}),(0,V.jsx)(`span`,{className:`grow`}),(0,V.jsx)(`button`,{type:`button`,className:`button`,onClick:()=>I.setState({dialog:`shortcuts`}),children:`Keys...`})]})]})}function Su(){let e=Y(e=>e.keys),[t,n]=(0,S.useState)(``),[r,i]=(0,S.useState)(null),a=on(t,us,e=>[e.title,...ps(e)]),o=[...new Set(a.map(e=>e.section))];return(0,V.jsxs)(_u,{title:`Keys`,close:vu,children:[(0,V.jsx)(iu,{label:`Search keys`,value:t,set:n}),(0,V.jsx)(`div`,{className:`scroll keys`,children:o.map(t=>(0,V.jsxs)(`section`,{children:[(0,V.jsx)(`h3`,{children:t}),a.filter(e=>e.section===t).map(t=>{let n=us.find(e=>e!==t&&ps(e).some(e=>ps(t).includes(e)));return(0,V.jsxs)(`div`,{className:`key-row`,children:[(0,V.jsx)(`span`,{children:t.title}),n&&(0,V.jsx)(`b`,{className:`badge`,"data-tone":`bad`,children:`also: ${n.title}`}),(0,V.jsx)(`button`,{type:`button`,className:`key-edit`,"aria-label":`Keys of ${t.title}: ${ps(t).join(`, `)||`none`}`,title:`Click, then press the keys; Backspace takes them away`,onClick:()=>i(t.id),onBlur:()=>i(null),onKeyDown:n=>{r===t.id&&n.key!==`Tab`&&(n.preventDefault(),n.stopPropagation(),[`Control`,`Shift`,`Alt`,`Meta`].includes(n.key)||(n.key!==`Escape`&&La(`keys`,{...e,[t.id]:n.key===`Backspace`?``:hs(n.nativeEvent)}),i(null)))},children:r===t.id?`press keys`:ps(t).map(e=>(0,V.jsx)(`kbd`,{children:e},e))})]},t.id)})]},t))}),(0,V.jsx)(`footer`,{children:(0,V.jsx)(`button`,{type:`button`,className:`button`,onClick:()=>La(`keys`,{}),children:`Reset all`})})]})}function Cu({question:e}){let[t,n]=(0,S.useState)(e.value??``),r=t=>{ea.setState({question:null}),e.answer(t)};return(0,V.jsx)(_u,{title:e.title,close:()=>r(null),small:!0,children:(0,V.jsxs)(`form`,{onSubmit:e=>{e.preventDefault(),r(t)},children:[e.text&&(0,V.jsx)(`p`,{children:e.text}),e.value!==void 0&&(0,V.jsx)(`input`,{className:`field`,"data-focus":!0,"aria-label":e.title,value:t,onFocus:e=>e.currentTarget.select(),onChange:e=>n(e.target.value)}),(0,V.jsxs)(`footer`,{children:[(0,V.jsx)(`button`,{type:`button`,className:`button`,onClick:()=>r(null),children:`Cancel`}),(0,V.jsx)(`button`,{type:`submit`,className:`button button-main`,"data-danger":e.danger||void 0,"data-focus":e.value===void 0||void 0,children:e.yes})]})]})})}function wu(){let e=ea(e=>e.notices);return(0,V.jsx)(`div`,{className:`notices`,role:`status`,"aria-live":`polite`,children:e.map(e=>(0,V.jsxs)(`div`,{className:`notice`,"data-kind":e.kind,children:[(0,V.jsx)(`p`,{children:e.text}),(0,V.jsx)(`button`,{type:`button`,className:`icon-button`,"aria-label":`Dismiss`,onClick:()=>na(e.id),children:(0,V.jsx)(X,{name:`close`,size:12})})]},e.id))})}function Tu(){return I(e=>e.logs)?(0,V.jsx)(Eu,{}):null}function Eu(){let[e,t]=(0,S.useState)([]),[n,r]=(0,S.useState)(null),i=q(e=>e.current?.node),a=(0,S.useRef)(null);return(0,S.useEffect)(()=>{let e=!1,n=()=>void Pi().then(n=>{e||(t(n),r(null))},t=>!e&&r(t instanceof Error?t.message:String(t)));n();let i=setInterval(n,2e3);return()=>{e=!0,clearInterval(i)}},[i]),(0,S.useEffect)(()=>void a.current?.scrollTo({top:a.current.scrollHeight}),[e]),(0,V.jsxs)(`section`,{className:`logs`,"aria-label":`Logs`,children:[(0,V.jsxs)(`header`,{children:[(0,V.jsx)(`h2`,{children:`Logs`}),(0,V.jsx)(`button`,{type:`button`,className:`icon-button`,"aria-label":`Close the logs`,onClick:()=>I.setState({logs:!1}),children:(0,V.jsx)(X,{name:`close`,size:14})})]}),(0,V.jsx)(`pre`,{ref:a,tabIndex:0,children:n??(e.length?e.join(``).trimEnd():`Nothing has been written yet.`)})]})}function Du(){let e=I(e=>e.side);return e===`jobs`?(0,V.jsx)(ju,{}):e===`errors`?(0,V.jsx)(Pu,{}):e===`node`?(0,V.jsx)(Iu,{}):null}var Ou=()=>I.setState({side:null});function ku(){return(0,V.jsx)(`button`,{type:`button`,className:`icon-button`,"aria-label":`Close the panel`,onClick:Ou,children:(0,V.jsx)(X,{name:`close`,size:14})})}var Au={pending:`waiting`,in_progress:`running`,completed:`done`,failed:`failed`,cancelled:`stopped`};function ju(){let e=q(e=>e.jobs),t=q(e=>e.current);(0,S.useEffect)(()=>void Sa(),[]);let n=e.filter(e=>e.status===`pending`).reverse(),r=e.filter(e=>e.status===`in_progress`),i=e.filter(e=>e.status!==`pending`&&e.status!==`in_progress`),a=async e=>{if(e.preview)try{let{outputs:t}=await Di(e.id),n=Object.values(t).flatMap(e=>w(e)?va(e).images:[]);n.length&&Os(n,Math.max(0,n.findIndex(t=>t.filename===e.preview?.filename)))}catch(e){K(e)}},o=e=>(0,V.jsxs)(`li`,{className:`job`,"data-status":e.status,children:[(0,V.jsx)(`button`,{type:`button`,className:`job-picture`,"aria-label":e.preview?`View the result of job ${e.id.slice(0,8)}`:`Job ${e.id.slice(0,8)}`,disabled:!e.preview,onClick:()=>void a(e),children:e.preview&&e.preview.mediaType===`images`?(0,V.jsx)(`img`,{loading:`lazy`,src:W(e.preview),alt:``}):(0,V.jsx)(X,{name:e.status===`failed`?`warn`:`clock`,size:18})}),(0,V.jsxs)(`div`,{className:`job-about`,children:[(0,V.jsx)(`b`,{children:Au[e.status]}),(0,V.jsx)(`span`,{className:`muted`,children:Mu(e)}),e.error&&(0,V.jsx)(`span`,{className:`job-error`,children:e.error.split(`
`)[0]}),e.status===`in_progress`&&(0,V.jsx)(`i`,{className:`bar`,children:(0,V.jsx)(`i`,{style:{transform:`scaleX(${t?.job===e.id&&t.total?t.done/t.total:0})`}})})]}),(0,V.jsx)(`button`,{type:`button`,className:`icon-button`,"aria-label":`More about job ${e.id.slice(0,8)}`,onClick:t=>Z(t.currentTarget.getBoundingClientRect(),[{label:`Open its workflow`,run:()=>void mo(e.id)},e.status===`pending`||e.status===`in_progress`?{label:`Cancel`,danger:!0,run:()=>void Oi(e.id).then(Sa).catch(K)}:{label:`Forget`,danger:!0,run:()=>void ji(e.id).then(Sa).catch(K)}]),children:(0,V.jsx)(X,{name:`more`,size:14})})]},e.id);return(0,V.jsx)(nu,{title:`Queue`,actions:(0,V.jsxs)(V.Fragment,{children:[(0,V.jsx)(`button`,{type:`button`,className:`icon-button`,"aria-label":`More`,onClick:e=>Z(e.currentTarget.getBoundingClientRect(),[{label:`Empty the queue`,run:()=>void Za()},{label:`Forget all that is over`,danger:!0,run:()=>void Mi().then(Sa).catch(K)},{label:`Free memory`,run:()=>void Ni().catch(K)}]),children:(0,V.jsx)(X,{name:`more`,size:14})}),(0,V.jsx)(ku,{})]}),children:(0,V.jsxs)(`ul`,{className:`jobs scroll`,children:[r.map(o),n.map(o),(r.length>0||n.length>0)&&i.length>0&&(0,V.jsx)(`li`,{"aria-hidden":!0,children:(0,V.jsx)(`hr`,{})}),i.map(o),!e.length&&(0,V.jsx)(`li`,{className:`empty`,children:`Nothing has run yet. Ctrl+Enter runs the workflow.`})]})})}function Mu(e){return`${e.created?new Date(e.created).toLocaleTimeString([],{hour:`2-digit`,minute:`2-digit`}):``}${e.started&&e.ended?` · ${((e.ended-e.started)/1e3).toFixed(1)} s`:``}`}function Nu(e){let t=L(I.getState()),n=e.split(`:`),r=t.history.present.layers.get(``),i=[];for(let e of n.slice(0,-1)){let n=r.nodes.get(e),a=n&&t.history.present.layers.get(n.type);if(!n||!a)return;i.push({node:e,layer:n.type}),r=a}let a=n.at(-1);r.nodes.has(a)&&(vn(t.id,e=>({...e,path:i,view:i.length===e.path.length?e.view:null})),Cn({nodes:[a]}),setTimeout(()=>Go([a]),60))}function Pu(){let e=I(L),t=I(e=>e.catalog),n=q(t=>t.runs[e.id]),r=q(t=>t.refusals[e.id]),i=e.history.present,a=Object.entries(n??{}).filter(([,e])=>e.errors.length>0),o=(0,S.useMemo)(()=>ao(i,t),[i,t]),s=(0,S.useMemo)(()=>oo(i,t),[i,t]),c=e=>{let n=i.layers.get(``),r=e.split(`:`);for(let e of r.slice(0,-1))n=i.layers.get(n.nodes.get(e)?.type??``)??n;let a=n.nodes.get(r.at(-1));return a?N(i,n,a,t).title:e};return(0,V.jsx)(nu,{title:`Errors`,actions:(0,V.jsx)(ku,{}),children:(0,V.jsxs)(`div`,{className:`scroll errors`,children:[r&&!a.length&&(0,V.jsx)(`p`,{className:`refusal`,children:r}),a.map(([e,t])=>(0,V.jsxs)(`article`,{children:[(0,V.jsxs)(`button`,{type:`button`,className:`error-node`,onClick:()=>Nu(e),children:[(0,V.jsx)(`b`,{children:c(e)}),` `,(0,V.jsx)(`span`,{className:`muted`,children:e})]}),t.errors.map((e,t)=>(0,V.jsx)(Fu,{error:e},t))]},e)),o.length>0&&(0,V.jsxs)(`article`,{children:[(0,V.jsx)(`h3`,{children:`Not on this server`}),(0,V.jsx)(`ul`,{children:o.map(e=>(0,V.jsx)(`li`,{children:(0,V.jsx)(`code`,{children:e})},e))})]}),s.length>0&&(0,V.jsxs)(`article`,{children:[(0,V.jsx)(`h3`,{children:`Files that are not on this server`}),s.map(e=>(0,V.jsxs)(`div`,{className:`missing-file`,children:[(0,V.jsx)(`b`,{children:e.title}),` `,(0,V.jsx)(`span`,{className:`muted`,children:e.widget}),(0,V.jsx)(`code`,{children:e.value}),e.options.length>0&&(0,V.jsx)(`button`,{type:`button`,className:`button`,onClick:n=>Z(n.currentTarget.getBoundingClientRect(),e.options.slice(0,30).map(n=>({label:String(n),run:()=>B(r=>F(r,e.layer,[e.node],i=>ht(r,i,t,e.widget,n)))}))),children:`Use another`})]},`${e.layer}/${e.node}/${e.widget}`))]}),!r&&!a.length&&!o.length&&!s.length&&(0,V.jsx)(`p`,{className:`empty`,children:`Nothing is wrong.`})]})})}function Fu({error:e}){let t=[e.message,e.details,e.trace].filter(Boolean).join(`
`);return(0,V.jsxs)(`div`,{className:`error-text`,children:[(0,V.jsxs)(`p`,{children:[e.input&&(0,V.jsx)(`code`,{children:e.input}),` `,e.message]}),e.details&&e.details!==e.message&&e.details!==e.input&&(0,V.jsx)(`p`,{className:`muted`,children:e.details}),e.trace&&(0,V.jsxs)(`details`,{children:[(0,V.jsx)(`summary`,{children:`Where it happened`}),(0,V.jsx)(`pre`,{children:e.trace})]}),(0,V.jsx)(`button`,{type:`button`,className:`button`,onClick:()=>void navigator.clipboard.writeText(t).catch(K),children:`Copy`})]})}function Iu(){let e=I(L),t=I(e=>e.catalog),n=I(e=>e.selection.nodes[0]),r=I(z),i=I(R),a=n===void 0?void 0:r.nodes.get(n),o=a&&N(i,r,a,t),[s,c]=(0,S.useState)(null);return(0,S.useEffect)(()=>c(null),[n,e.id]),!a||!o?(0,V.jsx)(nu,{title:`Node`,actions:(0,V.jsx)(ku,{}),children:(0,V.jsx)(`p`,{className:`empty`,children:`Select a node.`})}):(0,V.jsx)(nu,{title:`Node`,actions:(0,V.jsx)(ku,{}),children:(0,V.jsxs)(`div`,{className:`scroll node-info`,children:[(0,V.jsx)(`input`,{className:`field`,"aria-label":`Title`,value:s??o.title,onChange:e=>c(e.target.value),onBlur:()=>{s!==null&&s!==o.title&&B((e,t)=>Vt(e,t,O(a),s)),c(null)}}),(0,V.jsxs)(`p`,{className:`muted`,children:[a.type,` · `,O(a)]}),o.spec?.description.split(`

`).map((e,t)=>(0,V.jsx)(`p`,{children:e},t)),o.inputs.length+o.rows.length>0&&(0,V.jsx)(`h3`,{children:`Inputs`}),(0,V.jsx)(`dl`,{children:[...o.inputs,...o.rows.map(e=>({name:e.key,label:e.label,type:e.socket?.type??``,tooltip:e.tooltip}))].map(e=>(0,V.jsxs)(`div`,{children:[(0,V.jsxs)(`dt`,{children:[(0,V.jsx)(`i`,{className:`dot`,style:{background:Pn(e.type)}}),` `,e.label,` `,(0,V.jsx)(`span`,{className:`muted`,children:e.type})]}),e.tooltip&&(0,V.jsx)(`dd`,{children:e.tooltip})]},e.name))}),o.outputs.length>0&&(0,V.jsx)(`h3`,{children:`Outputs`}),(0,V.jsx)(`dl`,{children:o.outputs.map((e,t)=>(0,V.jsxs)(`div`,{children:[(0,V.jsxs)(`dt`,{children:[(0,V.jsx)(`i`,{className:`dot`,style:{background:Pn(e.type)}}),` `,e.label,` `,(0,V.jsx)(`span`,{className:`muted`,children:e.type})]}),e.tooltip&&(0,V.jsx)(`dd`,{children:e.tooltip})]},t))})]})})}var $=(e,t)=>{let n=ms(t);return{label:e,...n?{keys:n}:{},run:()=>fs(t)}};function Lu(){return(0,V.jsxs)(`header`,{className:`topbar`,children:[(0,V.jsxs)(`button`,{type:`button`,className:`brand`,"aria-label":`Menu`,onClick:e=>Z(e.currentTarget.getBoundingClientRect(),[$(`New`,`new`),$(`Open a file...`,`open`),$(`Workflows on the server`,`workflows`),$(`Examples`,`templates`),`-`,$(`Save`,`save`),$(`Save as...`,`save-as`),$(`Export`,`export`),$(`Export in format 1.0`,`export-1`),$(`Export for the API`,`export-api`),`-`,$(`Undo`,`undo`),$(`Redo`,`redo`),$(`Arrange`,`arrange`),`-`,$(`Settings`,`settings`),$(`Keys`,`shortcuts`),$(`Logs`,`logs`)]),children:[(0,V.jsxs)(`svg`,{width:`20`,height:`20`,viewBox:`0 0 32 32`,"aria-hidden":`true`,children:[(0,V.jsx)(`path`,{d:`M6 9h7a3 3 0 0 1 3 3v8a3 3 0 0 0 3 3h7`,fill:`none`,stroke:`var(--accent)`,strokeWidth:`2.6`,strokeLinecap:`round`}),(0,V.jsx)(`circle`,{cx:`6`,cy:`9`,r:`4`,fill:`var(--accent)`}),(0,V.jsx)(`circle`,{cx:`26`,cy:`23`,r:`4`,fill:`var(--t-IMAGE)`})]}),(0,V.jsx)(`span`,{children:`Burnish`}),(0,V.jsx)(X,{name:`chevron`,size:12})]}),(0,V.jsx)(Ru,{}),(0,V.jsx)(Bu,{})]})}function Ru(){let e=I(e=>e.tabs),t=I(e=>e.active);return(0,V.jsxs)(`nav`,{className:`tabs`,"aria-label":`Open workflows`,children:[(0,V.jsx)(`div`,{className:`tabs-list`,children:e.map(n=>(0,V.jsxs)(`div`,{className:`tab`,"data-active":n.id===t||void 0,children:[(0,V.jsx)(`button`,{type:`button`,className:`tab-name`,"aria-current":n.id===t?`page`:void 0,tabIndex:n.id===t?0:-1,title:n.file??`Not saved on the server`,onClick:()=>Tn(n.id),onAuxClick:e=>e.button===1&&void po(n.id),onKeyDown:t=>{let r=t.key===`ArrowRight`?1:t.key===`ArrowLeft`?-1:0;if(!r||t.shiftKey)return;let i=e[(e.indexOf(n)+r+e.length)%e.length];Tn(i.id),(t.currentTarget.closest(`.tabs-list`)?.querySelectorAll(`.tab-name`)[e.indexOf(i)])?.focus()},children:(0,V.jsx)(`span`,{children:n.name})}),(0,V.jsx)(`button`,{type:`button`,className:`tab-close`,tabIndex:-1,"data-dirty":_n(n)||void 0,"aria-label":`Close ${n.name}${_n(n)?`, not saved`:``}`,onClick:()=>void po(n.id),children:(0,V.jsx)(X,{name:`close`,size:12})})]},n.id))}),(0,V.jsx)(`button`,{type:`button`,className:`icon-button`,"aria-label":`New workflow`,title:`New workflow`,onClick:()=>wn(pn()),children:(0,V.jsx)(X,{name:`plus`,size:14})})]})}var zu={off:`Run when asked`,change:`Run on every change`,always:`Run again and again`};function Bu(){let e=q(e=>e.connection),t=q(e=>e.remaining),n=q(e=>e.current),r=I(e=>e.ready),i=Y(e=>e.batch),a=Y(e=>e.auto),o=e===`open`?r?null:`The node classes are being read`:`There is no connection to the server`;return(0,V.jsxs)(`div`,{className:`runbar`,children:[e===`lost`&&(0,V.jsxs)(`span`,{className:`lost`,role:`status`,children:[(0,V.jsx)(`i`,{}),` reconnecting`]}),n&&(0,V.jsx)(`span`,{className:`current`,role:`status`,"aria-label":`Running, ${n.done} of ${n.total} nodes done`,children:(0,V.jsx)(`i`,{style:{transform:`scaleX(${n.total?n.done/n.total:0})`}})}),(0,V.jsxs)(`button`,{type:`button`,className:`queue-button`,"aria-label":`Queue: ${t} waiting or running`,title:`Queue and history (Q)`,onClick:()=>fs(`jobs`),children:[(0,V.jsx)(X,{name:`clock`}),(0,V.jsx)(`span`,{"data-some":t>0||void 0,children:t})]}),(0,V.jsx)(`button`,{type:`button`,className:`icon-button`,"aria-label":`Stop`,title:`Stop (${ms(`interrupt`)??``})`,disabled:t===0,onClick:()=>void Xa(),children:(0,V.jsx)(X,{name:`stop`})}),(0,V.jsxs)(`div`,{className:`run-group`,children:[(0,V.jsxs)(`button`,{type:`button`,className:`run`,disabled:o!==null,title:o??`Run (${ms(`run`)??``})`,onClick:e=>void qa({front:e.shiftKey}),children:[(0,V.jsx)(X,{name:`play`,size:14}),(0,V.jsx)(`span`,{children:`Run`})]}),(0,V.jsx)(`input`,{type:`number`,className:`batch`,min:1,max:100,value:i,"aria-label":`How many times`,title:`How many times`,onChange:e=>La(`batch`,Math.min(100,Math.max(1,Math.round(Number(e.target.value))||1)))}),(0,V.jsx)(`button`,{type:`button`,className:`run-more`,"aria-label":`How to run`,"data-auto":a===`off`?void 0:a,onClick:e=>Z(e.currentTarget.getBoundingClientRect(),[...[`off`,`change`,`always`].map(e=>({label:zu[e],checked:a===e,run:()=>La(`auto`,e)})),`-`,$(`Run before all that waits`,`run-front`),$(`Run only the selected nodes`,`run-selected`),$(`Empty the queue`,`clear-queue`)]),children:(0,V.jsx)(X,{name:`chevron`,size:12})})]})]})}var Vu=500,Hu=10;function Uu(){let e,t=null,n=!1,r=()=>{clearTimeout(e),t=null},i=i=>{r(),n=!1;let{target:a,clientX:o,clientY:s}=i;i.pointerType===`touch`&&i.isPrimary&&a instanceof Element&&!a.closest(`input, textarea, select, .popup`)&&(t={x:o,y:s},e=setTimeout(()=>{n=!0,t=null,a.dispatchEvent(new MouseEvent(`contextmenu`,{bubbles:!0,cancelable:!0,clientX:o,clientY:s,button:2,view:window}))},Vu))},a=e=>{t&&Math.hypot(e.clientX-t.x,e.clientY-t.y)>Hu&&r()},o=e=>e.touches.length>1&&r(),s=e=>{e.isTrusted&&(r(),n&&(e.preventDefault(),e.stopPropagation()))},c=e=>{n&&(n=!1,e.preventDefault(),e.stopPropagation())},l=e=>{r(),n&&e.cancelable&&e.preventDefault(),setTimeout(()=>n=!1)},u={capture:!0,passive:!0};return addEventListener(`pointerdown`,i,!0),addEventListener(`pointermove`,a,!0),addEventListener(`pointercancel`,r,!0),addEventListener(`touchstart`,o,u),addEventListener(`touchend`,l,{capture:!0,passive:!1}),addEventListener(`contextmenu`,s,!0),addEventListener(`click`,c,!0),()=>{r(),removeEventListener(`pointerdown`,i,!0),removeEventListener(`pointermove`,a,!0),removeEventListener(`pointercancel`,r,!0),removeEventListener(`touchstart`,o,u),removeEventListener(`touchend`,l,{capture:!0}),removeEventListener(`contextmenu`,s,!0),removeEventListener(`click`,c,!0)}}var Wu=!1;function Gu(e){if(e.target instanceof HTMLElement&&e.target.matches(`input, textarea`))return;let t=Xo(Qo()),n=[...e.clipboardData?.files??[]].find(e=>e.type.startsWith(`image/`));if(e.preventDefault(),n)return void co(n,t).catch(K);let r=e.clipboardData?.getData(`text/plain`)??``;if(r&&yo(r,t,Wu))return;let i=bo();i&&yo(i,t,Wu)}function Ku(){(0,S.useEffect)(()=>{let e=()=>{};(async()=>{try{await za()}catch(e){K(e)}try{await go()}catch(e){K(e)}ho(),Qa(),e=Oa(()=>void za().catch(K))})();let t=e=>{Wu=e.shiftKey,_s(e)},n=e=>{Y.getState().confirmDelete&&q.getState().connection===`lost`&&I.getState().tabs.some(_n)&&e.preventDefault()},r=Uu();return addEventListener(`keydown`,t),addEventListener(`paste`,Gu),addEventListener(`beforeunload`,n),()=>{e(),r(),removeEventListener(`keydown`,t),removeEventListener(`paste`,Gu),removeEventListener(`beforeunload`,n)}},[])}function qu(){let e=Y(e=>e.theme),t=Y(e=>e.animate);(0,S.useEffect)(()=>{let n=matchMedia(`(prefers-color-scheme: light)`),r=()=>{document.documentElement.dataset.theme=e===`system`?n.matches?`light`:`dark`:e,document.documentElement.toggleAttribute(`data-still`,!t)};return r(),n.addEventListener(`change`,r),()=>n.removeEventListener(`change`,r)},[e,t])}function Ju(){return Ku(),qu(),(0,V.jsx)(te,{children:(0,V.jsxs)(`div`,{className:`app`,children:[(0,V.jsx)(Lu,{}),(0,V.jsx)(tu,{}),(0,V.jsx)(ru,{}),(0,V.jsxs)(`main`,{children:[(0,V.jsx)(Yu,{}),(0,V.jsx)(El,{}),(0,V.jsx)(Xu,{}),(0,V.jsx)(Tu,{})]}),(0,V.jsx)(Du,{}),(0,V.jsx)(Rn,{}),(0,V.jsx)(Po,{}),(0,V.jsx)(yu,{}),(0,V.jsx)(As,{}),(0,V.jsx)(ws,{}),(0,V.jsx)(wu,{})]})})}function Yu(){let e=I(L);if(!e.path.length)return null;let t=e.path.map(t=>e.history.present.layers.get(t.layer)?.name||`Subgraph`);return(0,V.jsxs)(`nav`,{className:`path`,"aria-label":`Subgraphs`,children:[(0,V.jsx)(`button`,{type:`button`,onClick:()=>On(0),children:e.name}),t.map((e,n)=>(0,V.jsxs)(`span`,{children:[(0,V.jsx)(X,{name:`right`,size:12}),(0,V.jsx)(`button`,{type:`button`,"aria-current":n===t.length-1?`page`:void 0,onClick:()=>On(n+1),children:e})]},n))]})}function Xu(){let e=I(e=>e.locked),t=I(e=>L(e).view?.zoom??1),n=q(e=>Object.values(e.runs[I.getState().active]??{}).filter(e=>e.errors.length).length);return(0,V.jsxs)(`div`,{className:`viewbar`,role:`toolbar`,"aria-label":`View`,children:[(0,V.jsx)(`button`,{type:`button`,"aria-label":`Zoom out`,title:`Zoom out (Alt+-)`,onClick:()=>Ko(.8),children:`−`}),(0,V.jsxs)(`button`,{type:`button`,className:`zoom`,title:`Back to 100 %`,"aria-label":`Zoom ${Math.round(t*100)} %`,onClick:()=>qo(1),children:[Math.round(t*100),` %`]}),(0,V.jsx)(`button`,{type:`button`,"aria-label":`Zoom in`,title:`Zoom in (Alt+=)`,onClick:()=>Ko(1.25),children:`+`}),(0,V.jsx)(`button`,{type:`button`,"aria-label":`Show all`,title:`Show all (.)`,onClick:()=>Go(),children:(0,V.jsx)(X,{name:`fit`,size:14})}),(0,V.jsx)(`button`,{type:`button`,"aria-label":`Lock the canvas`,"aria-pressed":e,title:`Lock (H)`,onClick:()=>fs(`lock`),children:(0,V.jsx)(X,{name:`lock`,size:14})}),(0,V.jsx)(`button`,{type:`button`,"aria-label":`Undo`,title:`Undo (Ctrl+Z)`,onClick:()=>fs(`undo`),children:(0,V.jsx)(X,{name:`undo`,size:14})}),(0,V.jsx)(`button`,{type:`button`,"aria-label":`Redo`,title:`Redo (Ctrl+Y)`,onClick:()=>fs(`redo`),children:(0,V.jsx)(X,{name:`redo`,size:14})}),n>0&&(0,V.jsxs)(`button`,{type:`button`,className:`error-count`,"aria-label":`${n} nodes with errors`,onClick:()=>I.setState({side:`errors`}),children:[(0,V.jsx)(X,{name:`warn`,size:14}),` `,n]})]})}Object.assign(globalThis,{burnish:{layer:()=>z(I.getState()),view:Yo}}),(0,ae.createRoot)(document.getElementById(`root`)).render((0,V.jsx)(Ju,{}));